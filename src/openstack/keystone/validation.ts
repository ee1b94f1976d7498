/**
 * Whether Keystone vouches for a caller's token. It owns the memory of what Keystone said, bounded in size
 * and in time, and decides nothing about what the caller may do. Tokens are kept by their hash alone, and
 * stand in no message.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import { asId, type ProviderId } from '../../base/ids.ts';
import { SECOND_MS } from '../../base/units.ts';
import type { TokenVerdict } from '../../engine/clouds.ts';
import { ProviderError } from '../../engine/ports.ts';
import { timeMs } from '../reply.ts';
import { failureOf } from '../failure.ts';
import { createHttp, type Fetch, type HttpRequest } from '../http.ts';
import type { OpenStackSession } from '../session.ts';
import { identityUrl } from './tokens.ts';

export interface TokenValidatorOptions {
  readonly providerId: ProviderId;
  /** Berth's own, whose token asks. */
  readonly session: OpenStackSession;
  /** Keystone's address, for asking with the caller's token where Berth's may not ask. */
  readonly authUrl: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** A revoked token is good for at most so long; 0: each request asks. Left out: REMEMBERED_MS_DEFAULT. */
  readonly rememberedMsMax?: number;
}

export interface TokenValidator {
  /** Without asking; null: not known, or longer ago than `ageMsMax`. */
  remembered(token: string, ageMsMax?: number): TokenVerdict | null;
  /**
   * Asks where `remembered` does not know. Rejects with ProviderError when Keystone does not answer, or does not
   * accept Berth's own account.
   */
  validate(token: string, ageMsMax?: number): Promise<TokenVerdict>;
}

/** As long as keystonemiddleware trusts its cache (`token_cache_time`, 10.1.0). */
const REMEMBERED_MS_DEFAULT = 300 * SECOND_MS;
/** Bad tokens are asked for again sooner: a time-out of a replica must not lock anybody out. */
const REFUSAL_REMEMBERED_MS = 10 * SECOND_MS;
/** 10,000 callers; some 5 MB. The least recently used is forgotten first. */
const REMEMBERED_MAX = 10_000;
/** Questions under way at once; Keystone answers one in some 20 ms. */
const ASKING_MAX = 64;
/** Fernet tokens have some 200 characters, signed ones some 1000; a header ends at 16 KiB. */
const TOKEN_PATTERN = /^[\x21-\x7E]{1,8192}$/;

interface Remembered {
  readonly verdict: TokenVerdict;
  readonly saidAtMonotonicMs: number;
  readonly untilMonotonicMs: number;
}

export function createTokenValidator(options: TokenValidatorOptions): TokenValidator {
  const { clock, rememberedMsMax = REMEMBERED_MS_DEFAULT } = options;
  const known = new Map<string, Remembered>();
  const asking = new Map<string, Promise<TokenVerdict>>();

  const recall = (key: string, ageMsMax: number): TokenVerdict | null => {
    const entry = known.get(key);
    if (entry === undefined) return null;
    known.delete(key);
    if (entry.untilMonotonicMs <= clock.monotonicMs()) return null;
    known.set(key, entry);
    return clock.monotonicMs() - entry.saidAtMonotonicMs > ageMsMax ? null : entry.verdict;
  };

  const remember = (key: string, verdict: TokenVerdict): void => {
    const saidAtMonotonicMs = clock.monotonicMs();
    const untilMonotonicMs = saidAtMonotonicMs + rememberedMs(verdict, clock, rememberedMsMax);
    known.set(key, { verdict, saidAtMonotonicMs, untilMonotonicMs });
    if (known.size <= REMEMBERED_MAX) return;
    for (const oldest of known.keys()) {
      known.delete(oldest);
      break;
    }
  };

  const ask = async (key: string, token: string): Promise<TokenVerdict> => {
    try {
      const verdict = await askKeystone(options, token);
      remember(key, withToken(verdict, ''));
      return verdict;
    } finally {
      asking.delete(key);
    }
  };

  return {
    remembered(token, ageMsMax = Number.POSITIVE_INFINITY) {
      const verdict = recall(keyOf(token), ageMsMax);
      return verdict === null ? null : withToken(verdict, token);
    },
    async validate(token, ageMsMax = Number.POSITIVE_INFINITY) {
      if (!TOKEN_PATTERN.test(token)) return { kind: 'unknown' };
      const key = keyOf(token);
      const verdict = recall(key, ageMsMax);
      if (verdict !== null) return withToken(verdict, token);
      const shared = asking.get(key);
      if (shared !== undefined) return shared;
      if (asking.size >= ASKING_MAX) {
        throw new ProviderError('rate_limited', 'none', `${ASKING_MAX} tokens are being checked already`);
      }
      const asked = ask(key, token);
      asking.set(key, asked);
      return asked;
    },
  };
}

/** What is kept has no token in it; who comes with it has it. */
function withToken(verdict: TokenVerdict, token: string): TokenVerdict {
  return verdict.kind === 'valid' ? { ...verdict, caller: { ...verdict.caller, token } } : verdict;
}

function keyOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

function rememberedMs(verdict: TokenVerdict, clock: Clock, msMax: number): number {
  if (verdict.kind !== 'valid') return REFUSAL_REMEMBERED_MS;
  return Math.min(msMax, Math.max(0, verdict.expiresAtMs - clock.wallMs()));
}

const replySchema = z.object({
  token: z.object({
    expires_at: z.string(),
    methods: z.array(z.string()).default([]),
    user: z.object({ id: z.string(), name: z.string().optional() }),
    project: z.object({ id: z.string(), name: z.string() }).optional(),
    domain: z.unknown().optional(),
    system: z.unknown().optional(),
    roles: z.array(z.object({ name: z.string() })).default([]),
    application_credential: z.looseObject({ access_rules: z.unknown().optional() }).optional(),
    'OS-TRUST:trust': z.unknown().optional(),
  }),
});
type TokenBody = z.output<typeof replySchema>['token'];

/**
 * `GET /v3/auth/tokens`, expects 200; 404: not valid. `OpenStack-Identity-Access-Rules` says that we read the
 * access rules of application credentials: without it Keystone refuses such tokens as unknown. A 401 is about
 * our own token; the session renews it once. Source: keystone 22 (Zed), keystone/api/auth.py;
 * keystonemiddleware 10.1.0, auth_token/_identity.py.
 */
async function askKeystone(options: TokenValidatorOptions, token: string): Promise<TokenVerdict> {
  const { session, clock } = options;
  const reply = await tokenBody(options, token);
  if (reply === null) return { kind: 'unknown' };
  const validForMs = (timeMs(reply.expires_at) ?? 0) - (session.dateMs() ?? clock.wallMs());
  if (validForMs <= 0) return { kind: 'unknown' };
  return verdictOf(options.providerId, token, reply, clock.wallMs() + validForMs);
}

const READS_ACCESS_RULES = { 'openstack-identity-access-rules': '1' };

/** null: the token is not valid. */
async function tokenBody(options: TokenValidatorOptions, token: string): Promise<TokenBody | null> {
  try {
    const reply = await options.session.send({
      service: 'identity',
      method: 'GET',
      path: '/auth/tokens',
      query: { nocatalog: '' },
      headers: { ...READS_ACCESS_RULES, 'x-subject-token': token },
      expect: [200],
      reply: replySchema,
    });
    return reply.token;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    if (error.code === 'not_found') return null;
    if (error.code === 'forbidden') return ownTokenBody(options, token);
    throw error;
  }
}

/**
 * Only administrators and services may ask about any token, but everybody about the own: so Keystone is asked
 * with the token itself, and answers 401 if it is not valid. Source: keystone 22 (Zed),
 * keystone/common/policies/token.py, `identity:validate_token`.
 */
async function ownTokenBody(options: TokenValidatorOptions, token: string): Promise<TokenBody | null> {
  const { fetch, clock, session } = options;
  const request: HttpRequest = {
    method: 'GET',
    url: `${identityUrl(options.authUrl)}/auth/tokens?nocatalog=`,
    headers: {
      ...READS_ACCESS_RULES,
      accept: 'application/json',
      'x-auth-token': token,
      'x-subject-token': token,
    },
    body: null,
    safe: true,
    name: 'identity GET /auth/tokens',
  };
  const reply = await createHttp({ fetch, clock, timeoutMs: session.callTimeoutMs }).exchange(request);
  if (reply.status === 401 || reply.status === 404) return null;
  if (reply.status !== 200) throw failureOf(request, reply);
  const parsed = replySchema.safeParse(parseJson(reply.text));
  if (parsed.success) return parsed.data.token;
  throw new ProviderError('unavailable', 'none', `${request.name}: the reply is not understood`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function verdictOf(
  providerId: ProviderId,
  token: string,
  body: TokenBody,
  expiresAtMs: number,
): TokenVerdict {
  const { project, application_credential: credential } = body;
  if (project === undefined) {
    return {
      kind: 'unusable',
      why: `the token is ${scopeText(body)}, and leases belong to a project`,
      fix: 'Log in for a project: set OS_PROJECT_NAME and its domain, or project_name in clouds.yaml.',
    };
  }
  if (credential?.access_rules !== undefined && credential.access_rules !== null) {
    return {
      kind: 'unusable',
      why: 'the token comes from an application credential whose access rules do not include Berth',
      fix: 'Use an application credential without access rules, or a password.',
    };
  }
  const caller = {
    providerId,
    token,
    userId: body.user.id,
    userName: body.user.name ?? body.user.id,
    projectId: asId<'project'>(project.id),
    projectName: project.name,
    roles: body.roles.map(({ name }) => name),
    canDelegate: credential === undefined && body['OS-TRUST:trust'] === undefined,
  };
  return { kind: 'valid', caller, expiresAtMs };
}

function scopeText(body: TokenBody): string {
  if (body.domain !== undefined) return 'for a domain';
  return body.system === undefined ? 'not for any project' : 'for the whole system';
}
