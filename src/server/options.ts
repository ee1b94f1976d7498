import type { Clock } from '../base/clock.ts';
import type { Ids } from '../base/ids.ts';
import type { Actor } from '../domain/actor.ts';
import type { Cloud } from '../engine/clouds.ts';
import type { EnginePort } from '../engine/views.ts';
import type { ConnectionLimits } from './connections.ts';
import type { Logger } from './log/catalogue.ts';
import type { Catalogue } from '../profiles/catalogue.ts';
import type { TlsMaterial } from './tls.ts';

export type UserActor = Extract<Actor, { readonly kind: 'user' }>;

export interface RateLimit {
  /** Requests per second that one caller may send in the long run. */
  readonly perSecond: number;
  /** How many at once. */
  readonly burst: number;
}

export interface ServerOptions {
  readonly engine: EnginePort;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly ids: Ids;
  /** What machines can be set up with. */
  readonly profiles: Catalogue;
  /** Of the program, for `/v1/status` and the description. */
  readonly version: string;
  /** Demo on loopback: who everybody without a token is. null: a token is needed. */
  readonly openAs: UserActor | null;
  /** Whose tokens are accepted beside those of Berth. */
  readonly clouds: readonly Cloud[];
  /** Whether the token of a caller who names no cloud is shown to all of several. Left out: it is not. */
  readonly shareTokens?: boolean;
  /** Names of clouds whose admins are admins of the whole service. Left out: the only one, none of several. */
  readonly adminClouds?: readonly string[];
  /** Whether `/metrics` needs a token. */
  readonly metricsNeedToken: boolean;
  /** Per caller; null: no limit, not on failed authentications either (tests, benchmarks). */
  readonly rateLimit: RateLimit | null;
  /** Whether a call comes from the machine of a lease: the secret is the one that it was given. */
  readonly isMachineOf: (leaseId: string, secret: string) => boolean;
  /** Addresses and networks of proxies whose X-Forwarded-For is believed; see `parseProxies`. */
  readonly trustedProxies: readonly string[];
  /** null: plain HTTP (see `listener.ts` for when that is refused). */
  readonly tls: TlsMaterial | null;
  /** Where they differ from CONNECTION_LIMITS. */
  readonly limits?: Partial<ConnectionLimits>;
}

export const RATE_LIMIT_DEFAULT: RateLimit = { perSecond: 200, burst: 1000 };
