/** Callers with a token of a cloud: which cloud knows it, and who they are to Berth. */
import type { ProjectId } from '../base/ids.ts';
import type { Cloud, TokenVerdict } from '../engine/clouds.ts';
import { ProviderError, type CloudCaller } from '../engine/ports.ts';
import type { EnginePort } from '../engine/views.ts';
import { ROLES, type Role } from '../domain/model/token.ts';
import type { ServerLogger, UserActor } from './options.ts';
import { Problem } from './problem.ts';

/** Who asks, and how long that may be believed. */
export interface Admission {
  readonly actor: UserActor;
  /** null: the caller has a token of Berth, or none is needed. */
  readonly cloud: CloudCaller | null;
  /** End of a cloud's token, ms of the wall clock; null: the engine says when it has ended. */
  readonly expiresAtMs: number | null;
}

type CloudAdmission = Admission & { readonly cloud: CloudCaller };

export interface CloudCallers {
  /** What is known without asking any cloud; null: nothing. Throws a Problem about an unusable token. */
  remembered(token: string): CloudAdmission | null;
  /** Asks the clouds in turn; null: none knows the token. Rejects with a Problem. */
  ask(token: string): Promise<CloudAdmission | null>;
}

/** How long callers wait before they have a token checked again, seconds. */
const RETRY_AFTER_SECONDS = 5;

export function createCloudCallers(options: {
  readonly clouds: readonly Cloud[];
  readonly engine: EnginePort;
  readonly logger: ServerLogger;
}): CloudCallers {
  const { clouds, engine, logger } = options;
  return {
    remembered(token) {
      for (const cloud of clouds) {
        const verdict = cloud.remembered(token);
        if (verdict !== null && verdict.kind !== 'unknown') return admissionOf(verdict);
      }
      return null;
    },
    async ask(token) {
      let failure: { readonly cloud: Cloud; readonly error: ProviderError } | null = null;
      for (const cloud of clouds) {
        try {
          const verdict = await cloud.validate(token);
          if (verdict.kind === 'unknown') continue;
          const admission = admissionOf(verdict);
          const { projectId, projectName } = admission.cloud;
          // Who only reads must not fail because nothing can be written.
          await noteProject(engine, projectId, projectName).catch((error: unknown) => {
            logger.warn({ err: error }, 'the name of a project was not recorded');
          });
          return admission;
        } catch (error) {
          if (!(error instanceof ProviderError)) throw error;
          logger.warn(
            { provider: cloud.id, code: error.code, reason: error.message },
            'a token was not checked',
          );
          failure ??= { cloud, error };
        }
      }
      // Another cloud may be the one that knows it: as long as one is silent, nobody can say that it is bad.
      if (failure !== null) throw unavailable(failure.cloud, failure.error);
      return null;
    },
  };
}

/** The highest of Berth's roles that the names of Keystone's roles stand for; null: none does. */
export function roleOf(names: readonly string[]): Role | null {
  return ROLES.findLast((role) => names.some((name) => roleNamed(name) === role)) ?? null;
}

function roleNamed(name: string): string {
  const lower = name.toLowerCase();
  // What `member` was called before Keystone had default roles (Rocky).
  return lower === '_member_' ? 'member' : lower;
}

function admissionOf(verdict: Exclude<TokenVerdict, { readonly kind: 'unknown' }>): CloudAdmission {
  if (verdict.kind === 'unusable')
    throw new Problem('token_unusable', { detail: verdict.why, fix: verdict.fix });
  const { caller, expiresAtMs } = verdict;
  const role = roleOf(caller.roles);
  if (role === null) {
    const has = caller.roles.length === 0 ? 'no role' : `only the roles ${caller.roles.join(', ')}`;
    throw new Problem('token_unusable', {
      detail: `user ${caller.userName} has ${has} on project ${caller.projectName}`,
      fix:
        `Ask for one of the roles ${ROLES.join(', ')}: ` +
        `openstack role add --project ${caller.projectId} --user ${caller.userId} member`,
    });
  }
  const { userId, projectId } = caller;
  return { actor: { kind: 'user', userId, projectId, role }, cloud: caller, expiresAtMs };
}

/** People know projects by name: the world learns it, so that lists show it. Rejects as the engine does. */
export async function noteProject(engine: EnginePort, projectId: ProjectId, name: string): Promise<void> {
  const session = engine.as({ kind: 'system', name: 'door' });
  const projects = session.projects();
  const known = projects.ok ? projects.value.find(({ id }) => id === projectId) : undefined;
  if (known?.name !== name) await session.submit({ type: 'project.seen', projectId, name });
}

function unavailable(cloud: Cloud, error: ProviderError): Problem {
  const waitSeconds = Math.ceil((error.retryAfterMs ?? 0) / 1000) || RETRY_AFTER_SECONDS;
  return new Problem(
    'cloud_unavailable',
    {
      detail: `cloud ${cloud.id} cannot check the token now`,
      details: { cloud: cloud.id },
      headers: { 'retry-after': String(waitSeconds) },
    },
    { cause: error },
  );
}
