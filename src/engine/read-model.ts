/** What is worked out from the committed world for readers, once per revision however many ask. No I/O. */
import type { LeaseId } from '../base/ids.ts';
import { demandOf } from '../domain/commands/request.ts';
import type { WaitReason } from '../domain/decision.ts';
import type { Lease } from '../domain/model/lease.ts';
import { availability } from '../domain/scheduler/availability.ts';
import { explain, type Verdict } from '../domain/scheduler/explain.ts';
import { forecast } from '../domain/scheduler/forecast.ts';
import { devicesFree } from '../domain/scheduler/free.ts';
import { deviceTotals, type HostRow } from '../domain/scheduler/host-row.ts';
import { queuePosition } from '../domain/scheduler/order.ts';
import { windowFor } from '../domain/scheduler/place.ts';
import { claimOf, type World } from '../domain/world.ts';
import { capacitySight } from './capacity-sight.ts';
import type { FlavorView, HostView, LeaseView, ProviderStatus } from './views.ts';

/**
 * Forecasts depend on the time as well; they are worked out anew at most this often between two revisions …
 */
const FORECAST_AGE_MS_MAX = 1000;
/** … and under a storm of revisions at most this often: a start told a moment ago is still good. */
const FORECAST_PAUSE_MS = 200;

/** Different questions remembered for a moment. */
const REASONS_MAX = 1000;

export interface Committed {
  readonly world: World;
  readonly revision: number;
  nowMs(): number;
}

export class ReadModel {
  readonly #source: Committed;
  readonly #providers: () => readonly ProviderStatus[];
  #flavors: {
    readonly revision: number;
    readonly atMs: number;
    readonly views: readonly FlavorView[];
  } | null = null;
  #forecast: {
    readonly revision: number;
    readonly atMs: number;
    readonly starts: ReadonlyMap<LeaseId, number>;
  } | null = null;

  #pauseMs = 0;
  readonly #reasons = new Map<
    string,
    { readonly atMs: number; readonly counts: Partial<Record<WaitReason, number>> }
  >();

  constructor(source: Committed, providers: () => readonly ProviderStatus[]) {
    this.#source = source;
    this.#providers = providers;
  }

  /** In the order in which the providers list them. */
  flavors(): readonly FlavorView[] {
    const { world, revision } = this.#source;
    const nowMs = this.#source.nowMs();
    const known = this.#flavors;
    if (known !== null && known.revision === revision && nowMs - known.atMs < FORECAST_AGE_MS_MAX)
      return known.views;
    const statuses = new Map(this.#providers().map((status) => [status.id, status]));
    const views = [...world.flavors.values()]
      .toSorted((a, b) =>
        a.providerId < b.providerId ? -1 : a.providerId > b.providerId ? 1 : a.position - b.position,
      )
      .map((flavor): FlavorView => {
        const { total, available } = availability(world, flavor, nowMs);
        const next =
          available > 0 || total === 0
            ? null
            : world.earliest(demandOf(flavor, null), windowFor(0, 0, world.settings).untilMs, nowMs);
        const { observedAtMs, seesOthers, note } = capacitySight(statuses.get(flavor.providerId));
        const nextFreeMs = next?.startMs ?? null;
        return { flavor, total, available: seesOthers ? available : null, observedAtMs, note, nextFreeMs };
      });
    this.#flavors = { revision, atMs: nowMs, views };
    return views;
  }

  forecasts(): ReadonlyMap<LeaseId, number> {
    const { world, revision } = this.#source;
    const nowMs = this.#source.nowMs();
    const known = this.#forecast;
    const ageMs = known === null ? Number.POSITIVE_INFINITY : nowMs - known.atMs;
    const fresh = ageMs < (known?.revision === revision ? FORECAST_AGE_MS_MAX : this.#pauseMs);
    if (known !== null && fresh) return known.starts;
    const starts = forecast(world, nowMs);
    // A quiet service always tells the newest; the pause begins only when readings follow each other at once.
    this.#pauseMs = ageMs < 2 * FORECAST_PAUSE_MS ? FORECAST_PAUSE_MS : 0;
    this.#forecast = { revision, atMs: nowMs, starts };
    return starts;
  }

  /** `detailed`: with the reasons for which it waits (costs a look at each host). */
  lease(lease: Lease, detailed: boolean): LeaseView {
    const { world } = this.#source;
    const claim = claimOf(lease);
    const waits = lease.state.kind === 'queued';
    return {
      lease,
      position: queuePosition(world, lease, this.#source.nowMs()),
      forecastMs: waits ? (this.forecasts().get(lease.id) ?? null) : null,
      waitReasons: waits && detailed ? this.#waitReasons(lease) : {},
      hostName: claim === null ? null : (world.hosts.get(claim.hostId)?.host.name ?? claim.hostId),
      projectName: world.projects.get(lease.projectId)?.name ?? null,
    };
  }

  /** Why it waits, counted. Leases that ask alike share one look at all hosts for a moment. */
  #waitReasons(lease: Lease): Readonly<Partial<Record<WaitReason, number>>> {
    const nowMs = this.#source.nowMs();
    const key = `${lease.projectId} ${lease.ownerId} ${lease.request.durationMs} ${lease.request.demand.key}`;
    const known = this.#reasons.get(key);
    if (known !== undefined && lease.setbacks.length === 0 && nowMs - known.atMs < FORECAST_AGE_MS_MAX) {
      return known.counts;
    }
    const counts = countReasons(this.verdict(lease));
    if (this.#reasons.size >= REASONS_MAX) this.#reasons.clear();
    if (lease.setbacks.length === 0) this.#reasons.set(key, { atMs: nowMs, counts });
    return counts;
  }

  host(row: HostRow, visible: (lease: Lease) => boolean): HostView {
    const { world } = this.#source;
    const devicesTotal = deviceTotals(row.host);
    const { capacity } = row.host;
    const leaseIds: LeaseId[] = [];
    for (const id of row.claims.keys()) {
      const lease = world.leases.get(id);
      if (lease !== undefined && visible(lease)) leaseIds.push(id);
    }
    return {
      host: row.host,
      devicesTotal,
      devicesFree: Object.fromEntries(
        Object.keys(devicesTotal).map((deviceClass) => [
          deviceClass,
          Math.max(0, devicesFree(row.free, deviceClass)),
        ]),
      ),
      vcpusUsed: capacity.vcpus - row.free.resources.vcpus,
      memoryUsedMiB: capacity.memoryMiB - row.free.resources.memoryMiB,
      diskUsedGiB: capacity.diskGiB - row.free.resources.diskGiB,
      leaseIds,
      leaseCount: row.claims.size,
    };
  }

  /** Why a waiting lease waits. */
  verdict(lease: Lease): Verdict {
    const { demand, durationMs } = lease.request;
    const { projectId, ownerId } = lease;
    const question = { demand, projectId, ownerId, durationMs, fromMs: null, lease };
    return explain(this.#source.world, question, this.#source.nowMs());
  }
}

function countReasons(verdict: Verdict): Partial<Record<WaitReason, number>> {
  const counts: Partial<Record<WaitReason, number>> = {};
  for (const reason of verdict.reasons) counts[reason.code] = (counts[reason.code] ?? 0) + 1;
  for (const host of verdict.hosts) {
    for (const reason of host.reasons) counts[reason.code] = (counts[reason.code] ?? 0) + 1;
  }
  return counts;
}
