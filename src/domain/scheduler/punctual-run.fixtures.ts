/**
 * A world whose cloud is punctual: every start and every end takes exactly what the settings estimate. Then
 * whatever was promised or forecast can be held against what happens.
 */
import { Heap } from '../../base/heap.ts';
import { asId, type LeaseId } from '../../base/ids.ts';
import { MINUTE_MS } from '../../base/units.ts';
import { T0, world } from '../../../test/support/worlds.ts';
import type { Command, ObservedHost } from '../command.ts';
import type { Decision, EventDraft } from '../decision.ts';
import { execute } from '../decide.ts';
import { checkWorld } from '../invariants.ts';
import type { Flavor } from '../model/flavor.ts';
import type { Settings } from '../settings.ts';
import type { World } from '../world.ts';

interface Report {
  readonly atMs: number;
  readonly command: Command;
}

/** Commands at one moment; more are a loop. */
const AT_ONCE_MAX = 10_000;

export class PunctualRun {
  readonly world: World;
  nowMs = T0;
  /** Everything that happened, with its time. */
  readonly events: (EventDraft & { readonly atMs: number })[] = [];
  readonly #reports = new Heap<Report>((a, b) => a.atMs < b.atMs);

  constructor(hosts: readonly ObservedHost[], flavors: readonly Flavor[], settings: Partial<Settings> = {}) {
    this.world = world(hosts, flavors, {
      startEstimateMs: MINUTE_MS,
      endEstimateMs: MINUTE_MS,
      warningsMs: [],
      ...settings,
    });
  }

  give(command: Command): Decision {
    const { decision } = execute(this.world, command, this.nowMs, 'test');
    const broken = checkWorld(this.world);
    if (broken.length > 0) throw new Error(broken.join('\n'));
    if (decision.kind === 'refused') return decision;
    for (const event of decision.events) this.events.push({ ...event, atMs: this.nowMs });
    const seen = new Set<LeaseId>();
    for (const change of decision.changes) if (change.entity === 'lease') seen.add(asId(change.id));
    for (const id of seen) this.#follow(id);
    return decision;
  }

  /** Lets the time go by; what the cloud reports at a moment comes before what is due at it. */
  runUntil(endMs: number): void {
    for (let count = 0; ; count++) {
      if (count > AT_ONCE_MAX) throw new Error('the run does not come to an end');
      const reportMs = this.#reports.peek()?.atMs ?? Number.POSITIVE_INFINITY;
      const dueMs = Math.max(this.world.due.nextMs() ?? Number.POSITIVE_INFINITY, this.nowMs);
      if (Math.min(reportMs, dueMs) > endMs) break;
      this.nowMs = Math.min(reportMs, dueMs);
      const command = reportMs <= dueMs ? this.#reports.pop()?.command : ({ type: 'tick' } as const);
      if (command !== undefined) this.give(command);
    }
    this.nowMs = endMs;
  }

  run(durationMs: number): void {
    this.runUntil(this.nowMs + durationMs);
  }

  /** When a lease was granted its host; null: not yet. */
  grantedAt(id: LeaseId): number | null {
    return this.events.find((event) => event.type === 'lease.granted' && event.id === id)?.atMs ?? null;
  }

  state(id: LeaseId): string {
    return this.world.leases.get(id)?.state.kind ?? 'ended';
  }

  /**
   * Reports what the state asks of the cloud when it is done; a report that came too late is refused as
   * stale.
   */
  #follow(leaseId: LeaseId): void {
    const { startEstimateMs, endEstimateMs } = this.world.settings;
    switch (this.world.leases.get(leaseId)?.state.kind) {
      case 'starting':
        return this.#report(startEstimateMs, {
          type: 'lease.ready',
          leaseId,
          connection: { host: '192.0.2.7', port: 22, user: 'ubuntu' },
        });
      case 'ending':
        return this.#report(endEstimateMs, { type: 'lease.gone', leaseId });
      case 'shelving':
        return this.#report(endEstimateMs, { type: 'lease.shelved', leaseId });
      default:
    }
  }

  #report(afterMs: number, command: Command): void {
    this.#reports.push({ atMs: this.nowMs + afterMs, command });
  }
}
