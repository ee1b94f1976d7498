/** Callers with a token of a cloud: which cloud knows it, and who they are to Berth. */
import type { ProjectId, ProviderId } from '../base/ids.ts';
import type { Cloud, TokenVerdict } from '../engine/clouds.ts';
import { ProviderError, type CloudCaller } from '../engine/ports.ts';
import type { EnginePort } from '../engine/views.ts';
import { ROLES, type Role } from '../domain/model/token.ts';
import type { Logger } from './log/catalogue.ts';
import type { UserActor } from './options.ts';
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

/** Whom to ask about a token. */
export interface Question {
  readonly token: string;
  /** To no others may it be shown. */
  readonly clouds: readonly Cloud[];
  /** How long ago a cloud may have said what counts now, ms; left out: as long as it is remembered at all. */
  readonly ageMsMax?: number;
}

export interface CloudCallers {
  /** What is known without asking any cloud; null: nothing. Throws a Problem about an unusable token. */
  remembered(question: Question): CloudAdmission | null;
  /** Asks the clouds, all at once; null: none knows the token. Rejects with a Problem. */
  ask(question: Question): Promise<CloudAdmission | null>;
}

/** How long callers wait before they have a token checked again, seconds. */
const RETRY_AFTER_SECONDS = 5;

export function createCloudCallers(options: {
  readonly engine: EnginePort;
  readonly logger: Logger;
  /** Of which clouds an admin is an admin of the whole service. */
  readonly adminClouds: ReadonlySet<ProviderId>;
}): CloudCallers {
  const { engine, logger, adminClouds } = options;
  const admissionOf = (verdict: KnownVerdict): CloudAdmission => admit(verdict, adminClouds);
  return {
    remembered({ token, clouds, ageMsMax }) {
      for (const cloud of clouds) {
        const verdict = cloud.remembered(token, ageMsMax);
        if (verdict !== null && verdict.kind !== 'unknown') return admissionOf(verdict);
      }
      return null;
    },
    async ask({ token, clouds, ageMsMax }) {
      const verdict = await firstToKnow(clouds, (cloud) => answerOf(cloud, { token, ageMsMax }, logger));
      if (verdict === null) return null;
      const admission = admissionOf(verdict);
      const { projectId, projectName } = admission.cloud;
      // Who only reads must not fail because nothing can be written.
      await noteProject(engine, projectId, projectName).catch((error: unknown) => {
        logger.log('project_name_not_recorded', { err: error });
      });
      return admission;
    },
  };
}

type KnownVerdict = Exclude<TokenVerdict, { readonly kind: 'unknown' }>;
/** null: the cloud does not know the token. A Problem: it does not answer. */
type Answer = KnownVerdict | Problem | null;

/** Never rejects with what the cloud does. */
async function answerOf(
  cloud: Cloud,
  { token, ageMsMax }: { readonly token: string; readonly ageMsMax: number | undefined },
  logger: Logger,
): Promise<Answer> {
  try {
    const verdict = await cloud.validate(token, ageMsMax);
    return verdict.kind === 'unknown' ? null : verdict;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    logger.log('token_not_checked', { cloud: cloud.id, code: error.code, reason: error.message });
    // It may have changed its mind meanwhile, but cannot say so: what it said last goes on for its time.
    const verdict = cloud.remembered(token);
    return verdict === null || verdict.kind === 'unknown' ? unavailable(cloud, error) : verdict;
  }
}

/**
 * What the first cloud says that knows the token; nobody waits for a silent one longer than for that. Rejects
 * where none knows it and one is silent: that may be the one, and nobody can say that the token is bad.
 */
function firstToKnow(
  clouds: readonly Cloud[],
  ask: (cloud: Cloud) => Promise<Answer>,
): Promise<KnownVerdict | null> {
  return new Promise((resolve, reject) => {
    const answers = clouds.map(async (cloud) => {
      const answer = await ask(cloud);
      if (answer !== null && !(answer instanceof Problem)) resolve(answer);
      return answer;
    });
    Promise.all(answers).then((all) => {
      const silent = all.find((answer) => answer instanceof Problem);
      if (silent === undefined) resolve(null);
      else reject(silent);
    }, reject);
  });
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

function admit(verdict: KnownVerdict, adminClouds: ReadonlySet<ProviderId>): CloudAdmission {
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
  const { userId, projectId, providerId } = caller;
  const isOfOne = role === 'admin' && !adminClouds.has(providerId);
  const actor: UserActor = { kind: 'user', userId, projectId, role, ...(isOfOne && { adminOf: providerId }) };
  return { actor, cloud: caller, expiresAtMs };
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
