/**
 * The engine as the controllers see it: read the committed world, give commands as a part of Berth, be told
 * of changes.
 */
import type { Clock } from '../base/clock.ts';
import type { Ids, LeaseId } from '../base/ids.ts';
import type { Prng } from '../base/prng.ts';
import type { SystemCommand, UserCommand } from '../domain/command.ts';
import type { Change } from '../domain/model/entities.ts';
import type { Lease } from '../domain/model/lease.ts';
import type { World } from '../domain/world.ts';
import type { Expired, ExpiredQuery } from './ports.ts';
import type { Outcome } from './views.ts';

export interface Core {
  /** Committed state; read only. The object changes when the engine reloads: do not keep it over an await. */
  readonly world: World;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly ids: Ids;
  /** The judged time (engine/time.ts); all leases are judged by it. */
  nowMs(): number;
  /** Gives a command as `system:<name>`. Rejects only when the engine is stopped. */
  command(name: string, command: SystemCommand | UserCommand): Promise<Outcome>;
  /**
   * Called after each commit with its changes, and with null after a reload (look at everything). Returns
   * the unsubscriber.
   */
  onCommit(listener: (changes: readonly Change[] | null) => void): () => void;
  /** Whether an intent was ever recorded for the lease (store query). */
  hasIntent(leaseId: LeaseId): Promise<boolean>;
  /** A lease of any age from the store, ended ones included; null if there was never one. */
  readLease(leaseId: LeaseId): Promise<Lease | null>;
  /** See `Store.readUsed`. */
  readUsed(leaseIds: readonly LeaseId[]): Promise<ReadonlyMap<LeaseId, number>>;
  /** What the store has kept for long enough. */
  readExpired(query: ExpiredQuery): Promise<Expired>;
  /** A second source of time was read: `dateMs` as the provider has it now. */
  reportDate(dateMs: number): void;
}
