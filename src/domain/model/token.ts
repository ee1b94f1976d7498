import type { ProjectId, TokenId } from '../../base/ids.ts';

/** Roles of a project in ascending order, and `admin` over all. A role includes those before it. */
export const ROLES = ['reader', 'member', 'manager', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** A Berth API token. The secret is shown once, at creation; the store has only its SHA-256. */
export interface Token {
  readonly id: TokenId;
  readonly name: string;
  /** Hex SHA-256 of the secret (256 random bits: no salt or stretching needed). */
  readonly secretHash: string;
  readonly projectId: ProjectId;
  readonly role: Role;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly expiresAtMs: number;
}
