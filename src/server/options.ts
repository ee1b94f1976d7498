import type { Clock } from '../base/clock.ts';
import type { Ids } from '../base/ids.ts';
import type { Actor } from '../domain/actor.ts';
import type { Cloud } from '../engine/clouds.ts';
import type { EnginePort } from '../engine/views.ts';
import type { Catalogue } from '../profiles/catalogue.ts';

/** What of a logger is used here; pino's `Logger` has it. */
export interface ServerLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What may never stand in a log, for the logger that the composition root makes. */
export const LOG_REDACT_PATHS = [
  'authorization',
  'secret',
  'token',
  '*.authorization',
  '*["x-auth-token"]',
  'req.headers.authorization',
  'req.headers["x-auth-token"]',
] as const;

export type UserActor = Extract<Actor, { readonly kind: 'user' }>;

export interface RateLimit {
  /** Requests per second that one caller may send in the long run. */
  readonly perSecond: number;
  /** How many at once. */
  readonly burst: number;
}

export interface ServerOptions {
  readonly engine: EnginePort;
  readonly logger: ServerLogger;
  readonly clock: Clock;
  readonly ids: Ids;
  /** What machines can be set up with. */
  readonly profiles: Catalogue;
  /** Of the program, for `/v1/status` and the description. */
  readonly version: string;
  /** Demo on loopback: who everybody without a token is. null: a token is needed. */
  readonly openAs: UserActor | null;
  /** Whose tokens are accepted beside those of Berth, in the order in which they are asked. */
  readonly clouds: readonly Cloud[];
  /** Whether `/metrics` needs a token. */
  readonly metricsNeedToken: boolean;
  /** Per caller; null: no limit, not on failed authentications either (tests, benchmarks). */
  readonly rateLimit: RateLimit | null;
  /** Whether a call comes from the machine of a lease: the secret is the one that it was given. */
  readonly isMachineOf: (leaseId: string, secret: string) => boolean;
  /** Addresses of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  /** PEM; null: plain HTTP (see `listener.ts` for when that is refused). */
  readonly tls: { readonly key: string; readonly cert: string } | null;
}

export const RATE_LIMIT_DEFAULT: RateLimit = { perSecond: 200, burst: 1000 };
