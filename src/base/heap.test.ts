import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from './heap.ts';

test('gives back in order what was pushed and not pruned', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100)), fc.array(fc.nat(100)), fc.nat(100), (first, second, below) => {
      const heap = new Heap<number>((a, b) => a < b);
      for (const item of first) heap.push(item);
      heap.prune((item) => item >= below);
      for (const item of second) heap.push(item);
      const kept = [...first.filter((item) => item >= below), ...second].toSorted((a, b) => a - b);
      expect(heap.size).toBe(kept.length);
      expect(kept.map(() => heap.pop())).toEqual(kept);
      expect(heap.pop()).toBeUndefined();
    }),
  );
});
