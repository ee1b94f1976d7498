import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { slotHost, world } from '../../../test/support/worlds.ts';
import { NO_RESOURCES, type DeviceCounts } from '../model/host.ts';
import type { Settings } from '../settings.ts';
import { devicesFree, fits, instances, take, totalDevices, type Free, type Need } from './free.ts';
import type { HostRow } from './host-row.ts';
import { ShapeIndex } from './shapes.ts';

const HOSTS = 12;
const need = (devices: DeviceCounts): Need => ({ resources: NO_RESOURCES, devices });
const ONE = need({ V100: 1 });
const TASKS = [ONE, need({ V100: 2 }), need({ V100: 4 })];

function rows(): readonly HostRow[] {
  const hosts = Array.from({ length: HOSTS }, (_host, index) => slotHost(`h${index}`, { V100: 8 }));
  return [...world(hosts, []).hosts.values()];
}

/** Puts a host where it has so many cards left. */
function place(index: ShapeIndex, row: HostRow, cards: number): void {
  row.free = { resources: row.host.capacity, singles: { V100: cards }, groups: [] };
  index.place(row);
}

function visited(index: ShapeIndex, demand: Need, limit = 1000): readonly HostRow[] {
  const seen: HostRow[] = [];
  index.visit(JSON.stringify(demand.devices), demand, limit, (row) => {
    seen.push(row);
    return false;
  });
  return seen;
}

/** The policies by their definitions, host by host. */
function score(placement: Settings['placement'], free: Free, demand: Need): number {
  const left = totalDevices(free.singles);
  const stranded = (on: Free): number =>
    TASKS.reduce((sum, task) => {
      const each = totalDevices(task.devices);
      return sum + devicesFree(on, 'V100') - instances(on, task) * each;
    }, 0) / TASKS.length;
  switch (placement) {
    case 'best_fit':
      return left;
    case 'spread':
      return -left;
    case 'least_fragmentation':
      return (stranded(take(free, demand).free) - stranded(free)) * 1024 + left;
  }
}

describe.each(['best_fit', 'spread', 'least_fragmentation'] as const)('%s', (placement) => {
  test('visits exactly the hosts that fit, in the order of their scores, after any history', () => {
    const move = fc.record({
      host: fc.nat(HOSTS - 1),
      cards: fc.integer({ min: -1, max: 8 }),
      asks: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
        const index = new ShapeIndex(placement);
        index.setTasks(TASKS);
        const all = rows();
        const placed = new Set<HostRow>();
        for (const { host, cards, asks } of moves) {
          const row = all[host];
          if (row === undefined) continue;
          if (cards < 0) index.remove(row);
          else place(index, row, cards);
          if (cards < 0) placed.delete(row);
          else placed.add(row);
          const demand = need({ V100: asks });
          const seen = visited(index, demand);
          const expected = [...placed].filter((each) => fits(each.free, demand));
          expect(new Set(seen)).toEqual(new Set(expected));
          expect(seen).toHaveLength(expected.length);
          const scores = seen.map((each) => score(placement, each.free, demand));
          expect(scores).toEqual(scores.toSorted((a, b) => a - b));
          expect(index.anyFits(JSON.stringify(demand.devices), demand)).toBe(expected.length > 0);
          expect([...index.shapes()].reduce((sum, shape) => sum + shape.rows.length, 0)).toBe(placed.size);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test('least fragmentation keeps the pairs: one card comes from the host with an odd one', () => {
  const index = new ShapeIndex('least_fragmentation');
  index.setTasks(TASKS);
  const [even, odd] = rows();
  if (even === undefined || odd === undefined) throw new Error('there are hosts');
  place(index, even, 2);
  place(index, odd, 3);
  expect(visited(index, ONE).map((row) => row.host.name)).toEqual([odd.host.name, even.host.name]);
});

test('a visit ends at its limit, and at the first that accepts', () => {
  const index = new ShapeIndex('best_fit');
  for (const row of rows()) place(index, row, 4);
  expect(visited(index, ONE, 5)).toHaveLength(5);
  let calls = 0;
  const found = index.visit('k', ONE, 100, () => {
    calls += 1;
    return calls === 3;
  });
  expect([found, calls]).toEqual([true, 3]);
  expect(visited(index, ONE)).toHaveLength(HOSTS);
});

test('more shapes and demands than are remembered change no answer', () => {
  const index = new ShapeIndex('best_fit');
  const [moving, still] = rows();
  if (moving === undefined || still === undefined) throw new Error('there are hosts');
  place(index, still, 1);
  for (let cards = 5000; cards >= 0; cards--) place(index, moving, cards);
  place(index, moving, 4500);
  for (let wanted = 300; wanted >= 1; wanted--) {
    const expected = wanted === 1 ? [still, moving] : [moving];
    expect(visited(index, need({ V100: wanted }))).toEqual(expected);
  }
});
