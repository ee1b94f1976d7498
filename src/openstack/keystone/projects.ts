import { z } from 'zod';
import { ProviderError } from '../../engine/ports.ts';
import { failureOf } from '../failure.ts';
import type { Http, HttpRequest } from '../http.ts';
import { listAll } from '../paging.ts';
import { orNull } from '../reply.ts';
import type { OpenStackSession } from '../session.ts';

export interface KeystoneProject {
  readonly id: string;
  readonly name: string;
  readonly domainId: string;
}

const projectSchema = z
  .object({ id: z.string(), name: z.string(), domain_id: z.string().nullish() })
  .transform(({ id, name, domain_id: domainId }): KeystoneProject => ({
    id,
    name,
    domainId: domainId ?? 'default',
  }));

const ownProjectsReply = z.object({ projects: z.array(projectSchema) });

/**
 * `GET /v3/projects/{id}`, expects 200; null where there is none. Needs the admin role, or a token for that
 * project. Rejects with ProviderError. Source: keystone 22 (Zed), keystone/api/projects.py.
 */
export async function findProject(session: OpenStackSession, id: string): Promise<KeystoneProject | null> {
  const path = `/projects/${encodeURIComponent(id)}`;
  const reply = z.object({ project: projectSchema });
  const found = await orNull(
    session.send({ service: 'identity', method: 'GET', path, expect: [200], reply }),
  );
  return found?.project ?? null;
}

/**
 * `GET /v3/projects?name=`, expects 200 a page: one for each domain that has such a project. Needs the admin
 * role. Rejects with ProviderError.
 */
export function projectsNamed(
  session: OpenStackSession,
  name: string,
  domainId: string | null,
): Promise<readonly KeystoneProject[]> {
  const query = { name, ...(domainId !== null && { domain_id: domainId }) };
  return listAll(session, {
    service: 'identity',
    path: '/projects',
    key: 'projects',
    query,
    item: projectSchema,
  });
}

/**
 * `GET /v3/auth/projects`, expects 200: those on which the session's user has a role, by whatever way. Needs
 * no role. Rejects with ProviderError. Source: keystone 22 (Zed), keystone/api/auth.py.
 */
export async function ownProjects(session: OpenStackSession): Promise<readonly KeystoneProject[]> {
  const reply = await session.send({
    service: 'identity',
    method: 'GET',
    path: '/auth/projects',
    expect: [200],
    reply: ownProjectsReply,
  });
  return reply.projects;
}

/** The same for anybody's token, outside of a session. */
export async function ownProjectsOf(
  http: Http,
  keystoneUrl: string,
  token: string,
): Promise<readonly KeystoneProject[]> {
  const request: HttpRequest = {
    method: 'GET',
    url: `${keystoneUrl}/auth/projects`,
    headers: { accept: 'application/json', 'x-auth-token': token },
    body: null,
    safe: true,
    name: 'identity GET /auth/projects',
  };
  const reply = await http.exchange(request);
  if (reply.status !== 200) throw failureOf(request, reply);
  const parsed = ownProjectsText.safeParse(reply.text);
  if (parsed.success) return parsed.data.projects;
  throw new ProviderError('unavailable', 'none', `${request.name}: the reply is not understood`);
}

const ownProjectsText = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'no JSON' });
      return z.NEVER;
    }
  })
  .pipe(ownProjectsReply);

/** The id of a domain that is given by id or name; null: there is none, or it may not be read. */
export async function findDomainId(session: OpenStackSession, idOrName: string): Promise<string | null> {
  const domains = await listAll(session, {
    service: 'identity',
    path: '/domains',
    key: 'domains',
    query: {},
    item: z.object({ id: z.string(), name: z.string() }),
  });
  return domains.find(({ id, name }) => id === idOrName || name === idOrName)?.id ?? null;
}
