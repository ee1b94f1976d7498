/**
 * A decision in the making: each step is applied to the world at once, so that the next one sees it, and
 * recorded with its undo. Either the whole decision stays or all of it is rolled back.
 */
import { assert } from '../base/assert.ts';
import type { LeaseId } from '../base/ids.ts';
import type { Json } from '../base/json.ts';
import type { EventDraft, WaitReason } from './decision.ts';
import { step, type LeaseEvent } from './lease/machine.ts';
import type { Change } from './model/entities.ts';
import type { Lease } from './model/lease.ts';
import { usageData, usageId, usageOf, type UsageRecord } from './model/usage.ts';
import { claimOf, type World } from './world.ts';

type Data = { readonly [key: string]: Json };

export class Draft {
  readonly world: World;
  readonly nowMs: number;
  /** Who gave the command, as in the audit log. */
  readonly actor: string;
  readonly changes: Change[] = [];
  readonly events: EventDraft[] = [];
  readonly ruledOut: Partial<Record<WaitReason, number>> = {};
  /** What takes each of the changes back, in the same order. */
  readonly #undo: Change[] = [];

  constructor(world: World, nowMs: number, actor: string) {
    this.world = world;
    this.nowMs = nowMs;
    this.actor = actor;
  }

  /** Applies one change and records it. */
  put(change: Change): void {
    this.changes.push(change);
    this.#undo.push(this.world.applyOne(change));
  }

  /** Says what happened to something other than a lease. */
  tell(type: string, entity: Change['entity'], id: string, reason: string | null, data: Data = {}): void {
    this.events.push({ type, entity, id, projectId: null, before: null, after: null, reason, data });
  }

  /** Lets a lease take an event; false: it means nothing in its state, nothing was done. */
  lease(
    id: LeaseId,
    event: LeaseEvent,
    type: string | null,
    reason: string | null = null,
    data: Data = {},
  ): boolean {
    const before = this.world.leases.get(id);
    if (before === undefined) return false;
    const after = step(before, event, this.nowMs);
    if (after === null) return false;
    this.put({ entity: 'lease', id, after });
    const usage = this.#book(before, after);
    assert(type !== null || usage === null, 'what ends a use is told');
    if (type !== null) {
      this.events.push({
        type,
        entity: 'lease',
        id,
        projectId: after.projectId,
        before: before.state.kind,
        after: after.state.kind,
        reason,
        data: usage === null ? data : { ...data, ...usageData(usage) },
      });
    }
    return true;
  }

  /** A new lease. */
  addLease(lease: Lease, type: string, data: Data): void {
    assert(!this.world.leases.has(lease.id), 'a new lease has a new id');
    this.put({ entity: 'lease', id: lease.id, after: lease });
    this.events.push({
      type,
      entity: 'lease',
      id: lease.id,
      projectId: lease.projectId,
      before: null,
      after: lease.state.kind,
      reason: null,
      data,
    });
  }

  /** The next place at the end of the queue. */
  nextQueueSeq(count = 1): number {
    const { control } = this.world;
    this.put({
      entity: 'control',
      id: 'control',
      after: { ...control, queueSeq: control.queueSeq + count },
    });
    return control.queueSeq + 1;
  }

  /** What the lease has given back with this change goes on record with it. */
  #book(before: Lease, after: Lease): UsageRecord | null {
    const claim = before.claimedAtMs === null ? null : claimOf(before);
    if (claim === null) return null;
    const projectName = this.world.projects.get(after.projectId)?.name ?? after.projectId;
    const record = usageOf(before, after, claim.devices, projectName, this.nowMs);
    if (record !== null) this.put({ entity: 'usage', id: usageId(record), after: record });
    return record;
  }

  ruleOut(reason: WaitReason, count = 1): void {
    this.ruledOut[reason] = (this.ruledOut[reason] ?? 0) + count;
  }

  /** Where to come back to with `rollbackTo`. */
  mark(): { readonly changes: number; readonly events: number } {
    return { changes: this.changes.length, events: this.events.length };
  }

  rollbackTo(mark: { readonly changes: number; readonly events: number }): void {
    while (this.changes.length > mark.changes) {
      this.changes.pop();
      const undo = this.#undo.pop();
      if (undo !== undefined) this.world.applyOne(undo);
    }
    this.events.length = mark.events;
  }

  /** All undo changes, in the order in which to apply them. */
  undo(): readonly Change[] {
    return this.#undo.toReversed();
  }
}
