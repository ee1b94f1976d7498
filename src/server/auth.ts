import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { asId, type ProviderId } from '../base/ids.ts';
import { SECOND_MS } from '../base/units.ts';
import { addressOf, limitKeyOf } from './address.ts';
import { createCloudCallers, type Admission, type CloudCallers, type Question } from './callers.ts';
import { cloudsMeant, knownClouds } from './cloud-choice.ts';
import { isLoopback } from './listener.ts';
import type { ServerOptions, UserActor } from './options.ts';
import { Problem } from './problem.ts';
import { createRateLimiter, rateLimitHeaders, type RateLimiter } from './rate-limit.ts';

/**
 * Guessing 256 random bits is hopeless at any rate; this keeps the attempts out of the log and off the
 * processor.
 */
export const FAILED_AUTHENTICATIONS = { perSecond: 0.5, burst: 20 } as const;
/**
 * Tokens of one address that a cloud must be asked about, good or bad: a good one is then remembered for
 * minutes, so that a whole group behind one proxy needs no more.
 */
const ASKED_AUTHENTICATIONS = { perSecond: 5, burst: 100 } as const;

/**
 * Before something is changed, a cloud is asked again about a token of which it spoke longer ago than this.
 * It costs one exchange with Keystone (some 20 ms) per caller and half minute, on what takes longer anyway.
 */
const WRITE_AGE_MS_MAX = 30 * SECOND_MS;
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** Secrets of Berth begin so; no cloud is asked about them. */
const BERTH_SECRET = /^berth_/;

export interface Gate {
  /**
   * Who asks; at once unless a cloud has to be asked. Throws (or rejects with) a Problem when nobody known
   * does, or asks too often. How the caller's limit stands goes into the headers of the reply.
   */
  admit(request: FastifyRequest, reply: FastifyReply): Admission | Promise<Admission>;
  /** Again, for a stream that outlives a token. */
  stillValid(secret: string | null, before: Admission): Promise<boolean>;
  /** Open demo: throws where a foreign web page speaks through a browser of this machine. Else: nothing. */
  checkOrigin(request: FastifyRequest): void;
}

/** Authenticates callers; what they may do is the engine's matter. */
export function createGate(options: ServerOptions): Gate {
  const { engine, openAs, clouds } = options;
  const limits = createLimits(options);
  const cloudCallers = createCloudCallers({ ...options, adminClouds: adminCloudsOf(options) });
  const choice = { clouds, shareTokens: options.shareTokens ?? false };

  /** null: no token of Berth. */
  const berthAdmission = (secret: string): Admission | null => {
    const actor = engine.authenticate(secret);
    if (actor === 'expired')
      throw unauthenticated('token_expired', 'the token was valid once, and its time is over', clouds);
    return actor?.kind === 'user' ? ofBerth(actor) : null;
  };

  const questionOf = (request: FastifyRequest, token: string): Question => ({
    token,
    clouds: cloudsMeant(request.headers, choice),
    ...(!READS.has(request.method) && { ageMsMax: WRITE_AGE_MS_MAX }),
  });

  const knownAdmission = (request: FastifyRequest): Admission | null => {
    const secret = secretOf(request.headers);
    if (secret !== null) {
      const known = berthAdmission(secret);
      if (known !== null || isNoCloudToken(secret)) return known;
      return cloudCallers.remembered(questionOf(request, secret));
    }
    if (openAs !== null) return ofBerth(openAs);
    throw unauthenticated('unauthenticated', 'the request has no token', clouds);
  };

  const isNoCloudToken = (secret: string): boolean =>
    clouds.length === 0 || secret === '' || BERTH_SECRET.test(secret);

  const unknown = (request: FastifyRequest, asked: Question['clouds']): Problem => {
    limits.failed(request);
    const others = asked.length === 0 ? '' : ` and to ${asked.map(({ id }) => id).join(', ')}`;
    return unauthenticated('unauthenticated', `the token is unknown to Berth${others}, or revoked`, clouds);
  };

  const askedAdmission = async (request: FastifyRequest): Promise<Admission> => {
    const secret = secretOf(request.headers) ?? '';
    if (isNoCloudToken(secret)) throw unknown(request, []);
    limits.asked(request);
    const question = questionOf(request, secret);
    const admission = await cloudCallers.ask(question);
    if (admission === null) throw unknown(request, question.clouds);
    return admission;
  };

  return {
    admit(request, reply) {
      const known = knownAdmission(request);
      return known === null
        ? askedAdmission(request).then((admission) => limits.sent(admission, reply))
        : limits.sent(known, reply);
    },
    async stillValid(secret, before) {
      if (secret === null) return openAs !== null;
      if (before.cloud === null) return isValid(engine.authenticate(secret));
      return isStillKnown(options, cloudCallers, secret, before);
    },
    checkOrigin(request) {
      if (openAs !== null) checkLocal(request);
    },
  };
}

/** What the cloud that vouched for a token says of it now. */
async function isStillKnown(
  { clouds, clock }: ServerOptions,
  cloudCallers: CloudCallers,
  token: string,
  before: Admission,
): Promise<boolean> {
  const question = { token, clouds: clouds.filter(({ id }) => id === before.cloud?.providerId) };
  try {
    const now = cloudCallers.remembered(question) ?? (await cloudCallers.ask(question));
    return now !== null && now.actor.role === before.actor.role;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // The cloud is silent: what it said last holds until the token would have ended anyway.
    const endsAtMs = before.expiresAtMs ?? 0;
    return error.code === 'cloud_unavailable' && endsAtMs > clock.wallMs();
  }
}

/** How often one may ask. Each throws a Problem for who has to wait. */
interface Limits {
  /** Who sends a wrong token. A good one is let through whatever others on its address do: they may share it. */
  failed(request: FastifyRequest): void;
  /** Who sends a token that a cloud has to be asked about. */
  asked(request: FastifyRequest): void;
  /** Who was admitted; how the limit stands goes into the reply. */
  sent(admission: Admission, reply: FastifyReply): Admission;
}

function createLimits({ rateLimit, clock }: ServerOptions): Limits {
  const callers = rateLimit && createRateLimiter(rateLimit, clock);
  const failures = rateLimit && createRateLimiter(FAILED_AUTHENTICATIONS, clock);
  const questions = rateLimit && createRateLimiter(ASKED_AUTHENTICATIONS, clock);
  const take = (limiter: RateLimiter | null, request: FastifyRequest, detail: string): void => {
    const wait = limiter?.take(limitKeyOf(addressOf(request))).waitSeconds ?? 0;
    if (wait > 0) throw tooMany(wait, detail);
  };
  return {
    failed: (request) => take(failures, request, 'too many failed authentications from this address'),
    asked: (request) => take(questions, request, 'too many new tokens from this address'),
    sent(admission, reply) {
      if (callers === null) return admission;
      const { projectId, userId } = admission.actor;
      const taken = callers.take(`${admission.cloud?.providerId ?? ''}\n${projectId}\n${userId}`);
      reply.headers(rateLimitHeaders('caller', callers, taken));
      if (taken.waitSeconds === 0) return admission;
      throw tooMany(taken.waitSeconds, 'this token sends requests faster than allowed');
    },
  };
}

/** The token of a request: `Authorization: Bearer` (RFC 6750) or `X-Auth-Token` (OpenStack); null: none. */
export function secretOf(headers: IncomingHttpHeaders): string | null {
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  if (headers.authorization !== undefined) return '';
  const token = headers['x-auth-token'];
  return typeof token === 'string' ? token : null;
}

/**
 * Nobody authenticates in the demo, so a page of another site must not be able to use the visitor's browser:
 * neither under a name that was rebound to 127.0.0.1 (the Host header tells), nor by a form or script that
 * needs no preflight (the Origin header tells).
 */
function checkLocal(request: FastifyRequest): void {
  const host = request.headers.host ?? '';
  if (!isLoopback(host.replace(/:\d{1,5}$/, ''))) {
    throw new Problem('misdirected_host', {
      detail: 'the demo answers only to localhost, 127.0.0.1 and [::1]',
    });
  }
  const { origin } = request.headers;
  if (origin === undefined || request.method === 'GET' || request.method === 'HEAD') return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new Problem('cross_origin', { detail: 'a page of another origin may change nothing here' });
}

function ofBerth(actor: UserActor): Admission {
  return { actor, cloud: null, expiresAtMs: null };
}

function isValid(actor: ReturnType<ServerOptions['engine']['authenticate']>): boolean {
  return actor !== null && actor !== 'expired';
}

/** The admins of the only cloud are those of the service; of several, those that the operator names. */
function adminCloudsOf({ clouds, adminClouds }: ServerOptions): ReadonlySet<ProviderId> {
  const only = clouds.length === 1 ? clouds.map(({ id }) => id) : [];
  return new Set(adminClouds?.map((name) => asId<'provider'>(name)) ?? only);
}

/** Every way to get in (RFC 9110, section 11.6.1); Keystone's as keystonemiddleware writes it. */
function challengeOf(clouds: ServerOptions['clouds']): string {
  return ['Bearer realm="berth"', ...clouds.map(({ authUrl }) => `Keystone uri="${authUrl}"`)].join(', ');
}

/** Tells also which clouds there are: nobody can name one before. */
function unauthenticated(
  code: 'unauthenticated' | 'token_expired',
  detail: string,
  clouds: ServerOptions['clouds'],
): Problem {
  const headers = { 'www-authenticate': challengeOf(clouds) };
  return new Problem(code, { detail, headers, details: { clouds: knownClouds(clouds) } });
}

function tooMany(waitSeconds: number, detail: string): Problem {
  return new Problem('rate_limited', { detail, headers: { 'retry-after': String(waitSeconds) } });
}
