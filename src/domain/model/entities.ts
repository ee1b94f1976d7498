import type { Control } from './control.ts';
import type { Finding } from './finding.ts';
import type { Flavor } from './flavor.ts';
import type { Host } from './host.ts';
import type { IdempotencyRecord } from './idempotency.ts';
import type { Intent, Lease } from './lease.ts';
import type { Project } from './project.ts';
import type { Token } from './token.ts';
import type { UsageRecord } from './usage.ts';

/** All that the world consists of: what the store keeps in a table each, and what a change can alter. */
export interface Entities {
  readonly host: Host;
  readonly flavor: Flavor;
  readonly project: Project;
  readonly lease: Lease;
  readonly intent: Intent;
  readonly token: Token;
  readonly finding: Finding;
  readonly idempotency: IdempotencyRecord;
  readonly control: Control;
  /** Only ever added; the store has all of them, the world what it needs to sum. */
  readonly usage: UsageRecord;
}

export type EntityKind = keyof Entities;

/** One entity as it is afterwards; null: gone. The control record has the id `control`. */
export type Change = {
  [K in EntityKind]: { readonly entity: K; readonly id: string; readonly after: Entities[K] | null };
}[EntityKind];

/** A world to start from: what the store loads. Ended leases stay in the store. */
export interface Snapshot {
  readonly control: Control;
  readonly hosts: readonly Host[];
  readonly flavors: readonly Flavor[];
  readonly projects: readonly Project[];
  readonly leases: readonly Lease[];
  readonly intents: readonly Intent[];
  readonly tokens: readonly Token[];
  readonly findings: readonly Finding[];
  readonly idempotency: readonly IdempotencyRecord[];
}
