/** Where and when a waiting lease can start first, by all that is known of it and of the hosts. */
import type { Claim } from '../model/claim.ts';
import type { Lease } from '../model/lease.ts';
import type { World } from '../world.ts';
import { fitsWindow } from './calendar.ts';
import type { Earliest } from './earliest.ts';
import type { HostRow } from './host-row.ts';
import { claimOn, windowFor } from './place.ts';

type Imagined = ReadonlyMap<HostRow, readonly Claim[]>;

/** Beside the `imagined` claims. A host that failed the lease counts as full until it may be tried again. */
export function earliestStart(
  world: World,
  lease: Lease,
  nowMs: number,
  imagined: Imagined = new Map(),
): Earliest | null {
  const { demand, durationMs } = lease.request;
  const lengthMs = windowFor(durationMs, 0, world.settings).untilMs;
  const keptOff = keptOffHosts(world, lease, nowMs);
  if (keptOff.size === 0) return world.earliest(demand, lengthMs, nowMs, imagined);
  const all = new Map(imagined);
  for (const [row, claim] of keptOff) all.set(row, [...(imagined.get(row) ?? []), claim]);
  for (const row of keptOff.keys()) expectAnew(world, row);
  const found = world.earliest(demand, lengthMs, nowMs, all);
  for (const row of keptOff.keys()) expectAnew(world, row);
  return found;
}

/** As `earliestStart`, beside those who were promised a start before. */
export function earliestBeside(
  world: World,
  lease: Lease,
  ahead: readonly Lease[],
  nowMs: number,
): Earliest | null {
  const imagined = new Map<HostRow, Claim[]>();
  for (const { request, state } of ahead) {
    if (state.kind !== 'queued' || state.promise === null) continue;
    const row = world.hosts.get(state.promise.hostId);
    if (row === undefined) continue;
    const window = windowFor(request.durationMs, Math.max(state.promise.startMs, nowMs + 1), world.settings);
    const others = imagined.get(row) ?? [];
    // Where the promise cannot be kept any more, it is in nobody's way.
    if (!fitsWindow(row, request.demand, window, nowMs, others)) continue;
    imagined.set(row, [...others, claimOn(row, request.demand, window, nowMs, others)]);
  }
  for (const row of imagined.keys()) expectAnew(world, row);
  const found = earliestStart(world, lease, nowMs, imagined);
  for (const row of imagined.keys()) expectAnew(world, row);
  return found;
}

/** To be called when the claims that are imagined on a host have changed. */
export function expectAnew(world: World, row: HostRow): void {
  world.pools.get(row.host.providerId)?.earliest.touch(row);
}

/** Hosts that failed the lease lately, each with a claim on all that it has. */
function keptOffHosts(world: World, lease: Lease, nowMs: number): ReadonlyMap<HostRow, Claim> {
  const keptOff = new Map<HostRow, Claim>();
  for (const { hostId, atMs } of lease.setbacks) {
    const untilMs = atMs + world.settings.avoidHostMs;
    const row = hostId === null || untilMs <= nowMs ? undefined : world.hosts.get(hostId);
    if (row !== undefined) keptOff.set(row, wholeHost(row, nowMs, untilMs));
  }
  return keptOff;
}

function wholeHost({ host }: HostRow, fromMs: number, untilMs: number): Claim {
  const base = { hostId: host.id, resources: host.capacity, devices: host.slots, fromMs, untilMs };
  if (host.claimKind === 'slot') return { kind: 'slot', ...base, provisional: true };
  return { kind: 'unit', ...base, deviceIds: host.devices.map((device) => device.id) };
}
