/**
 * The clouds as the doors see them: they vouch for callers, and let Berth into projects. Adapters implement
 * this; nothing here does I/O.
 */
import type { ProjectId, ProviderId } from '../base/ids.ts';
import type { CloudCaller } from './ports.ts';

/** What a cloud says of a token. */
export type TokenVerdict =
  | {
      readonly kind: 'valid';
      readonly caller: CloudCaller;
      /** End of the token, ms of our own wall clock. */
      readonly expiresAtMs: number;
    }
  /** Never issued there, expired, or revoked: the cloud does not tell which. */
  | { readonly kind: 'unknown' }
  /** The cloud knows it, but it cannot be used here. Both are sentences for its holder. */
  | { readonly kind: 'unusable'; readonly why: string; readonly fix: string };

/** A project of a cloud on which Berth's account has a role. */
export interface GrantedProject {
  readonly id: ProjectId;
  readonly name: string;
  readonly domainId: string;
  /** Names of the roles; null: the account may not read them. */
  readonly roles: readonly string[] | null;
}

/** Why a grant was not made; both are sentences. */
export interface GrantRefusal {
  readonly code: 'not_found' | 'ambiguous' | 'not_allowed' | 'not_useful';
  readonly why: string;
  readonly fix: string;
}

export type Granted =
  | { readonly ok: true; readonly value: GrantedProject }
  | { readonly ok: false; readonly refusal: GrantRefusal };

/** All calls reject with ProviderError when the cloud does not answer. */
export interface Cloud {
  readonly id: ProviderId;
  /** Where callers get their tokens: Keystone's public address. */
  readonly authUrl: string;
  /**
   * What is known of a token without asking, if the cloud has said it at most `ageMsMax` ago (left out: at
   * any time that still counts); null: the cloud would have to be asked.
   */
  remembered(token: string, ageMsMax?: number): TokenVerdict | null;
  /** As `remembered`, or what the cloud says now. */
  validate(token: string, ageMsMax?: number): Promise<TokenVerdict>;
  /** Why a role on another project would change nothing here; null: it is useful. */
  readonly whyNoGrants: GrantRefusal | null;
  grantedProjects(): Promise<readonly GrantedProject[]>;
  /** By id or name. `domain` (id or name) tells projects of the same name apart; null: any. */
  findProject(project: string, domain: string | null): Promise<Granted>;
  /** Gives Berth's account the role that it needs there. Idempotent. */
  grant(project: GrantedProject): Promise<Granted>;
  /** Takes that role away again. Idempotent. */
  revoke(project: GrantedProject): Promise<Granted>;
}
