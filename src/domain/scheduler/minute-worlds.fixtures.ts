/**
 * Random small worlds in which everything happens at whole minutes, so that trying every minute is trying
 * everything. They hold leases, planned windows, drains and (because nobody ends them) overdue claims.
 */
import fc from 'fast-check';
import { asId } from '../../base/ids.ts';
import { MINUTE_MS } from '../../base/units.ts';
import {
  create,
  flavor,
  host,
  lease,
  project,
  slotHost,
  T0,
  unitHost,
  world,
} from '../../../test/support/worlds.ts';
import type { Command } from '../command.ts';
import { execute } from '../decide.ts';
import type { World } from '../world.ts';

export const FLAVORS = [
  flavor('one', { V100: 1 }),
  flavor('two', { V100: 2 }, 8),
  flavor('three', { V100: 3 }, 12),
];
export const HOST_NAMES = ['s1', 's2', 'u1'] as const;

interface Move {
  readonly kind: number;
  readonly host: number;
  readonly flavor: number;
  readonly fromMin: number;
  readonly lengthMin: number;
}

export const moves = fc.array(
  fc.record({
    kind: fc.nat(5),
    host: fc.nat(HOST_NAMES.length - 1),
    flavor: fc.nat(FLAVORS.length - 1),
    fromMin: fc.nat(20),
    lengthMin: fc.integer({ min: 1, max: 20 }),
  }),
  { maxLength: 14 },
);

export interface MinuteWorld {
  readonly world: World;
  readonly nowMs: number;
}

/** A start and an end take a minute each. `slack`: minutes that go by after each move. */
export function play(history: readonly Move[], slack = 1): MinuteWorld {
  const w = world(
    [
      slotHost('s1', { V100: 3 }, 16),
      slotHost('s2', { V100: 2 }),
      unitHost('u1', [
        ['V100', 'g1'],
        ['V100', 'g1'],
        ['V100', null],
      ]),
    ],
    FLAVORS,
    { startEstimateMs: MINUTE_MS, endEstimateMs: MINUTE_MS },
  );
  let nowMs = T0;
  history.forEach((move, counter) => {
    execute(w, commandOf(move, counter, nowMs), nowMs, 'test');
    nowMs += slack * MINUTE_MS;
  });
  return { world: w, nowMs };
}

function commandOf(move: Move, counter: number, nowMs: number): Command {
  const id = `l${counter}`;
  const hostId = host(HOST_NAMES[move.host] ?? 's1');
  const name = FLAVORS[move.flavor]?.name ?? 'one';
  const fromMs = nowMs + move.fromMin * MINUTE_MS;
  const untilMs = fromMs + move.lengthMin * MINUTE_MS;
  const length = { durationMs: move.lengthMin * MINUTE_MS, projectId: project(`p${move.fromMin % 3}`) };
  switch (move.kind) {
    case 0:
    case 1:
      return create(id, name, { ...length, hostId: move.kind === 0 ? null : hostId, waitUntilMs: nowMs });
    case 2:
    case 3:
      return create(id, name, { ...length, window: { fromMs, reservationId: asId(id) } });
    case 4:
      return { type: 'host.drain', hostId, fromMs, untilMs: move.flavor === 2 ? null : untilMs, reason: 'r' };
    default:
      return { type: 'lease.lost', leaseId: lease(`l${counter - 1}`), cause: 'x' };
  }
}
