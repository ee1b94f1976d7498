import fc from 'fast-check';
import { expect, test } from 'vitest';
import { flavor, host, slotHost, T0, unitHost, world } from '../../../test/support/worlds.ts';
import { DAY_MS, MINUTE_MS } from '../../base/units.ts';
import { demandOf } from '../commands/request.ts';
import { execute } from '../decide.ts';
import { create } from '../../../test/support/worlds.ts';
import type { Demand } from '../model/lease.ts';
import type { World } from '../world.ts';
import { drainTouches, fitsWindow } from './calendar.ts';
import { FLAVORS, HOST_NAMES, moves, play } from './minute-worlds.fixtures.ts';
import type { HostRow } from './host-row.ts';

const HORIZON_MIN = 120;

/** Every moment at which something can begin: now, just after (an overdue end), and each minute. */
function momentsFrom(nowMs: number): readonly number[] {
  return [
    nowMs,
    nowMs + 1,
    ...Array.from({ length: HORIZON_MIN }, (_minute, i) => nowMs + (i + 1) * MINUTE_MS),
  ];
}

/** The claims on a host at a moment: late ones stay until now, and are expected back right after it. */
function claimsAt(
  row: HostRow,
  atMs: number,
  nowMs: number,
): readonly { devices: number; vcpus: number; ids: readonly string[] }[] {
  return [...row.claims.values()]
    .filter(({ claim, held }) => {
      if (atMs <= nowMs) return held || claim.fromMs <= nowMs;
      return claim.fromMs <= atMs && Math.max(claim.untilMs, nowMs) > atMs;
    })
    .map(({ claim }) => ({
      devices: claim.devices['V100'] ?? 0,
      vcpus: claim.resources.vcpus,
      ids: claim.kind === 'unit' ? claim.deviceIds : [],
    }));
}

/**
 * The definition, moment by moment: a slot host must have room at each, a unit host the same cards at all.
 */
function fitsNaively(row: HostRow, demand: Demand, fromMs: number, untilMs: number, nowMs: number): boolean {
  const { host: machine } = row;
  if (machine.status.kind !== 'up' || drainTouches(row, { fromMs, untilMs })) return false;
  const moments = [fromMs];
  for (let atMs = fromMs - (fromMs % MINUTE_MS) + MINUTE_MS; atMs < untilMs; atMs += MINUTE_MS)
    moments.push(atMs);
  const wanted = demand.devices['V100'] ?? 0;
  if (machine.claimKind === 'slot') {
    return moments.every((atMs) => {
      const there = claimsAt(row, atMs, nowMs);
      const cards = there.reduce((sum, claim) => sum + claim.devices, 0);
      const vcpus = there.reduce((sum, claim) => sum + claim.vcpus, 0);
      const enough = vcpus + demand.resources.vcpus <= machine.capacity.vcpus;
      return enough && cards + wanted <= (machine.slots['V100'] ?? 0);
    });
  }
  const taken = new Set(moments.flatMap((atMs) => claimsAt(row, atMs, nowMs).flatMap(({ ids }) => ids)));
  const touched = new Set(
    machine.devices
      .filter(({ id, iommuGroup }) => iommuGroup !== null && taken.has(id))
      .map(({ iommuGroup }) => iommuGroup),
  );
  const free = machine.devices.filter(({ id, iommuGroup }) => !taken.has(id) && !touched.has(iommuGroup));
  return free.length >= wanted;
}

function scan(w: World, demand: Demand, lengthMs: number, nowMs: number): number | null {
  const rows = [...w.hosts.values()].filter((row) => demand.hostId === null || row.host.id === demand.hostId);
  for (const fromMs of momentsFrom(nowMs)) {
    if (rows.some((row) => fitsNaively(row, demand, fromMs, fromMs + lengthMs, nowMs))) return fromMs;
  }
  return null;
}

const asked = fc.record({
  flavor: fc.nat(FLAVORS.length - 1),
  host: fc.option(fc.nat(HOST_NAMES.length - 1)),
  lengthMin: fc.integer({ min: 1, max: 25 }),
});

test('the earliest start is the one that a scan over all hosts and moments finds', () => {
  fc.assert(
    fc.property(moves, fc.integer({ min: 1, max: 4 }), asked, (history, slack, ask) => {
      const { world: w, nowMs } = play(history, slack);
      const wanted = FLAVORS[ask.flavor];
      if (wanted === undefined) return;
      const demand = demandOf(wanted, ask.host === null ? null : host(HOST_NAMES[ask.host] ?? 's1'));
      const lengthMs = ask.lengthMin * MINUTE_MS;
      const found = w.earliest(demand, lengthMs, nowMs);
      expect(found?.startMs ?? null).toBe(scan(w, demand, lengthMs, nowMs));
      if (found !== null) {
        const window = { fromMs: found.startMs, untilMs: found.startMs + lengthMs };
        expect(fitsWindow(found.row, demand, window, nowMs)).toBe(true);
      }
    }),
    { numRuns: 400 },
  );
});

test('asking between the moves changes no later answer', () => {
  fc.assert(
    fc.property(moves, asked, (history, ask) => {
      const wanted = FLAVORS[ask.flavor];
      if (wanted === undefined) return;
      const demand = demandOf(wanted, null);
      const lengthMs = ask.lengthMin * MINUTE_MS;
      const warm = play([]).world;
      const cold = play([]).world;
      let nowMs = T0;
      history.forEach((move, counter) => {
        const command = create(`l${counter}`, FLAVORS[move.flavor]?.name ?? 'one', {
          durationMs: move.lengthMin * MINUTE_MS,
        });
        for (const w of [warm, cold]) execute(w, command, nowMs, 'test');
        warm.earliest(demand, lengthMs, nowMs);
        nowMs += move.fromMin * MINUTE_MS;
      });
      const answer = (w: World): unknown => {
        const found = w.earliest(demand, lengthMs, nowMs);
        return found?.startMs;
      };
      expect(answer(warm)).toBe(answer(cold));
    }),
    { numRuns: 150 },
  );
});

test('an overdue claim is expected back any moment, not in the past', () => {
  const w = world([slotHost('s', { V100: 1 })], [flavor('one', { V100: 1 })]);
  execute(w, create('late', 'one'), T0, 'test');
  const found = w.earliest(demandOf(flavor('one', { V100: 1 }), null), MINUTE_MS, T0 + DAY_MS);
  expect(found?.startMs).toBe(T0 + DAY_MS + 1);
});

test('nothing known ends: no start is promised', () => {
  const w = world(
    [slotHost('s', { V100: 1 }), unitHost('u', [['A100', null]])],
    [flavor('one', { V100: 1 })],
  );
  const drain = { type: 'host.drain', hostId: host('s'), fromMs: T0, untilMs: null, reason: 'r' } as const;
  execute(w, drain, T0, 'test');
  expect(w.earliest(demandOf(flavor('one', { V100: 1 }), null), MINUTE_MS, T0)).toBeNull();
});

test('a host that appears, or takes the place of one that went, is found', () => {
  const one = flavor('one', { V100: 1 });
  const w = world([slotHost('s1', { V100: 1 })], [one]);
  const demand = demandOf(one, null);
  const name = (): string | undefined => w.earliest(demand, MINUTE_MS, T0)?.row.host.name;
  expect(name()).toBe('s1');
  w.apply([{ entity: 'host', id: 's1', after: null }]);
  expect(name()).toBeUndefined();
  for (const each of ['s2', 's3', 's4']) {
    w.apply([{ entity: 'host', id: each, after: { ...slotHost(each, { V100: 1 }), drain: null } }]);
  }
  expect(name()).toBeDefined();
  w.apply(['s2', 's3'].map((id) => ({ entity: 'host', id, after: null })));
  expect(name()).toBe('s4');
});
