import { hash, randomBytes } from 'node:crypto';
import { routes } from '../../api/routes.ts';
import { assertDefined } from '../../base/assert.ts';
import { asId } from '../../base/ids.ts';
import { DAY_MS } from '../../base/units.ts';
import { actorName } from '../../domain/actor.ts';
import type { Token } from '../../domain/model/token.ts';
import type { Register } from '../dispatch.ts';
import type { ServerOptions } from '../options.ts';
import { projectToJson, tokenToJson } from '../present/admin.ts';
import { limitsOf, projectUseToJson, someLimitsOf } from '../present/limits.ts';
import { found } from '../problem.ts';
import { durationMs } from './leases.ts';
import { projectIdOf } from './projects.ts';

/** Long enough for a term's work, short enough that a forgotten token dies. */
const TOKEN_DURATION_MS_DEFAULT = 90 * DAY_MS;

export function accessRoutes(register: Register, options: ServerOptions): void {
  register('listProjects', routes.listProjects, ({ session }) => ({
    projects: found(session.projects()).map(projectToJson),
  }));

  register('getProject', routes.getProject, ({ session, params }) => {
    const { project, use } = found(session.project(projectIdOf(session, params.id)));
    return { project: projectToJson(project), use: projectUseToJson(use) };
  });

  register('putProject', routes.putProject, async ({ session, params, body, submit }) => {
    const before = found(session.projects()).find(({ id }) => id === params.id);
    await submit({
      type: 'project.set',
      projectId: asId<'project'>(params.id),
      name: body.name ?? before?.name ?? params.id,
      limits: limitsOf(body.limits),
      perUser: limitsOf(body.per_user),
      users: Object.fromEntries(
        Object.entries(body.users ?? {}).map(([id, limits]) => [id, someLimitsOf(limits)]),
      ),
    });
    const project = found(session.projects()).find(({ id }) => id === params.id);
    return { project: projectToJson(assertDefined(project, 'a project that was just set is there')) };
  });

  register('listTokens', routes.listTokens, ({ session }) => ({
    tokens: found(session.tokens()).map(tokenToJson),
  }));

  register('createToken', routes.createToken, async ({ caller, session, body, nowMs, submit }) => {
    const secret = newSecret();
    const token: Token = {
      id: asId<'token'>(options.ids.next()),
      name: body.name,
      secretHash: hash('sha256', secret),
      projectId: body.project_id ? projectIdOf(session, body.project_id) : caller.projectId,
      role: body.role,
      createdAtMs: nowMs,
      createdBy: actorName(caller),
      expiresAtMs: nowMs + (durationMs(body) ?? TOKEN_DURATION_MS_DEFAULT),
    };
    await submit({ type: 'token.create', token });
    return { token: tokenToJson(token), secret };
  });

  register('revokeToken', routes.revokeToken, async ({ params, submit }) => {
    await submit({ type: 'token.revoke', tokenId: asId<'token'>(params.id) });
    return { done: true as const };
  });
}

/** 256 random bits; the prefix lets scanners of repositories recognise a leaked token. */
function newSecret(): string {
  return `berth_${randomBytes(32).toString('base64url')}`;
}
