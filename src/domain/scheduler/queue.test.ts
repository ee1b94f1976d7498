import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lease, project } from '../../../test/support/worlds.ts';
import type { ProjectId } from '../../base/ids.ts';
import { QueueIndex, type Waiting } from './queue.ts';

const waiting = (projectName: string, queueSeq: number, demandKey = 'one'): Waiting => ({
  leaseId: lease(`l${queueSeq}`),
  projectId: project(projectName),
  demandKey,
  queueSeq,
});

const neverServed = (): number => 0;
const names = (order: readonly Waiting[]): string => order.map(({ leaseId }) => leaseId).join(' ');

function queueOf(...entries: readonly Waiting[]): QueueIndex {
  const queue = new QueueIndex();
  for (const entry of entries) queue.add(entry);
  return queue;
}

describe('the order', () => {
  test('goes round the projects, first come first served within one', () => {
    const queue = queueOf(
      waiting('a', 1),
      waiting('a', 2),
      waiting('a', 3),
      waiting('b', 4),
      waiting('c', 5),
    );
    expect(names(queue.inOrder(neverServed, 10))).toBe('l1 l4 l5 l2 l3');
  });

  test('begins with the project that was served longest ago', () => {
    const queue = queueOf(waiting('a', 1), waiting('a', 2), waiting('b', 3), waiting('b', 4));
    const servedSeq = (id: ProjectId): number => (id === project('a') ? 8 : 7);
    expect(names(queue.inOrder(servedSeq, 10))).toBe('l3 l1 l4 l2');
  });

  test('is one of arrival where all were served alike', () => {
    const queue = queueOf(waiting('z', 1), waiting('a', 2), waiting('m', 3));
    expect(names(queue.inOrder(neverServed, 10))).toBe('l1 l2 l3');
  });

  test('gives who comes back after a failed start its old place', () => {
    const queue = queueOf(waiting('a', 2), waiting('a', 3));
    queue.add(waiting('a', 1));
    expect(names(queue.inOrder(neverServed, 10))).toBe('l1 l2 l3');
  });

  test('is cut at the limit', () => {
    const queue = queueOf(waiting('a', 1), waiting('b', 2), waiting('a', 3));
    expect(names(queue.inOrder(neverServed, 2))).toBe('l1 l2');
    expect(queue.inOrder(neverServed, 0)).toEqual([]);
  });
});

test('what does not wait has no place, and leaving twice changes nothing', () => {
  const queue = queueOf(waiting('a', 1));
  queue.remove(waiting('a', 2));
  queue.remove(waiting('b', 1));
  expect(queue.size).toBe(1);
  queue.remove(waiting('a', 1));
  queue.remove(waiting('a', 1));
  expect([queue.size, [...queue.demandKeys()]]).toEqual([0, []]);
  expect(queue.positionOf(waiting('a', 1), neverServed)).toBe(0);
});

/**
 * The order by its definition: a project's n-th entry comes in round n, within a round by when it was served.
 */
function naiveOrder(entries: readonly Waiting[], servedSeq: (id: ProjectId) => number): readonly Waiting[] {
  const ofProject = (id: ProjectId): readonly Waiting[] =>
    entries.filter((each) => each.projectId === id).toSorted((a, b) => a.queueSeq - b.queueSeq);
  const rank = (each: Waiting): readonly [number, number, number] => {
    const own = ofProject(each.projectId);
    const round = own.findIndex(({ queueSeq }) => queueSeq === each.queueSeq);
    return [round, servedSeq(each.projectId), own[0]?.queueSeq ?? 0];
  };
  return entries.toSorted((a, b) => {
    const [roundA, servedA, firstA] = rank(a);
    const [roundB, servedB, firstB] = rank(b);
    return roundA - roundB || servedA - servedB || firstA - firstB;
  });
}

test('a random queue is in the order of the naive model, and each position is the index in it', () => {
  const entry = fc.record({ project: fc.nat(4), demand: fc.nat(2), leaves: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 40 }),
      fc.array(fc.nat(3), { minLength: 5, maxLength: 5 }),
      (entries, served) => {
        const queue = new QueueIndex();
        const servedSeq = (id: ProjectId): number => served[Number(id.slice(1))] ?? 0;
        const all = entries.map((each, index) =>
          waiting(`p${each.project}`, (index * 7) % 41, `d${each.demand}`),
        );
        for (const each of all) queue.add(each);
        all.forEach((each, index) => {
          if (entries[index]?.leaves === true) queue.remove(each);
        });
        const left = all.filter((_each, index) => entries[index]?.leaves !== true);
        const order = queue.inOrder(servedSeq, 100);
        expect(names(order)).toBe(names(naiveOrder(left, servedSeq)));
        expect(order.map((each) => queue.positionOf(each, servedSeq))).toEqual(
          order.map((_each, i) => i + 1),
        );
        expect(queue.size).toBe(left.length);
        expect(new Set(queue.demandKeys())).toEqual(new Set(left.map(({ demandKey }) => demandKey)));
      },
    ),
    { numRuns: 300 },
  );
});
