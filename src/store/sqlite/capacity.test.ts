import { DatabaseSync } from 'node:sqlite';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Change } from '../../domain/model/entities.ts';
import type { CommitBatch } from '../../engine/ports.ts';
import {
  active,
  batchMaker,
  ended,
  NOW_MS,
  put,
  putHost,
  sampleHost,
  sampleLease,
  slotClaim,
  starting,
} from '../../../test/integration/store-samples.ts';
import { openCore, type SqliteCore } from './core.ts';
import { planWrite } from '../plan.ts';
import { parseLoaded } from '../decode.ts';

const HOSTS = ['h0', 'h1', 'h2'] as const;

type Act =
  | {
      readonly kind: 'grant' | 'locate';
      readonly lease: number;
      readonly host: number;
      readonly count: number;
    }
  | { readonly kind: 'extend' | 'release'; readonly lease: number }
  | { readonly kind: 'observe'; readonly host: number; readonly count: number };

const lease = fc.nat(5);
const host = fc.nat(HOSTS.length - 1);
const acts: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constantFrom('grant', 'locate'), lease, host, count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constantFrom('extend', 'release'), lease }),
  fc.record({ kind: fc.constant('observe'), host, count: fc.nat(6) }),
);

/** What the domain would know: decides each act against what came before it, in the same batch or not. */
class Model {
  readonly totals = HOSTS.map(() => 4);
  readonly held = new Map<number, { host: number; count: number; observed: boolean }>();
  #untilMs = NOW_MS;

  used(hostIndex: number): number {
    let used = 0;
    for (const claim of this.held.values()) if (claim.host === hostIndex) used += claim.count;
    return used;
  }

  /** The change that the act makes, or none where the domain would refuse it. */
  decide(act: Act): readonly Change[] {
    switch (act.kind) {
      case 'observe':
        this.totals[act.host] = act.count;
        return [putHost(sampleHost(`h${act.host}`, { slots: { V100: act.count } }))];
      case 'grant':
        if (this.held.has(act.lease) || this.used(act.host) + act.count > (this.totals[act.host] ?? 0))
          return [];
        this.held.set(act.lease, { host: act.host, count: act.count, observed: false });
        return [this.#change(act.lease)];
      case 'locate': {
        const claim = this.held.get(act.lease);
        if (claim === undefined) return [];
        this.held.set(act.lease, { host: act.host, count: claim.count, observed: true });
        return [this.#change(act.lease)];
      }
      case 'extend':
        return this.held.has(act.lease) ? [this.#change(act.lease)] : [];
      case 'release':
        if (!this.held.delete(act.lease)) return [];
        return [put(sampleLease(`l${act.lease}`, ended(NOW_MS)))];
    }
  }

  #change(leaseIndex: number): Change {
    const claim = this.held.get(leaseIndex) ?? { host: 0, count: 0, observed: false };
    this.#untilMs += 1;
    const slot = { ...slotClaim(`h${claim.host}`, claim.count, !claim.observed), untilMs: this.#untilMs };
    return put(sampleLease(`l${leaseIndex}`, claim.observed ? active(slot) : starting(slot)));
  }
}

test('constraints accept what the domain grants, however it is batched; used is the sum of claims', () => {
  fc.assert(
    fc.property(fc.array(fc.array(acts, { minLength: 1, maxLength: 8 }), { maxLength: 12 }), (groups) => {
      const { db, core, batch } = openMemory();
      const model = new Model();
      core.commit(planWrite(batch(HOSTS.map((id) => putHost(sampleHost(id))))));
      for (const group of groups) {
        core.commit(planWrite(batch(group.flatMap((act) => model.decide(act)))));
        const rows = db.prepare('SELECT host_id, total, used FROM host_capacity WHERE used > 0').all();
        const wanted = HOSTS.map((id, index) => ({
          host_id: id,
          total: model.totals[index],
          used: model.used(index),
        }));
        expect(rows).toEqual(wanted.filter(({ used }) => used > 0));
      }
      core.close();
    }),
    { numRuns: 150 },
  );
});

function openMemory(): {
  readonly db: DatabaseSync;
  readonly core: SqliteCore;
  readonly batch: (changes: readonly Change[]) => CommitBatch;
} {
  const db = new DatabaseSync(':memory:');
  const core = openCore(db, { deploymentId: 'dep' });
  return { db, core, batch: batchMaker(parseLoaded(core.load())) };
}
