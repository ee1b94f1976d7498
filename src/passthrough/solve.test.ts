import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { achievableSizes, solve, type Cost, type Piece } from './solve.ts';

const piece = (key: string, size: number, node: number | null = null, model = 'v100'): Piece => ({
  key,
  size,
  model,
  numaNodes: node === null ? [] : [node],
});
const six = [piece('19', 2), piece('32', 1), piece('75', 1), piece('87', 2)];

/** Keys of each share, joined; null: there is no way. */
function split(pieces: readonly Piece[], wants: readonly number[]): readonly string[] | null {
  const solution = solve(pieces, wants);
  return solution.kind === 'shares' ? solution.shares.map(({ keys }) => keys.join('+')) : null;
}

function strandedBy(pieces: readonly Piece[], wants: readonly number[]): number | null {
  const solution = solve(pieces, wants);
  return solution.kind === 'shares' ? solution.stranded : null;
}

describe('six V100 in four groups', () => {
  test.each([
    [[1, 1, 1, 1], 2],
    [[1, 1, 1, 1, 1], null],
    [[2, 2, 1, 1], 0],
    [[2, 2, 2], 0],
    [[6], 0],
    [[3, 3], 0],
    [[4, 2], 0],
    [[2, 2, 1, 1, 1], null],
    [[5], 0],
    [[5, 1], 0],
  ])('%j strands %j', (wants, stranded) => {
    expect(strandedBy(six, wants)).toBe(stranded);
  });

  test('which groups', () => {
    expect(split(six, [2, 2, 2])).toEqual(['19', '87', '32+75']);
    expect(split(six, [4, 2])).toEqual(['19+87', '32+75']);
    expect(split(six, [3, 3])).toEqual(['19+32', '87+75']);
    expect(split(six, [1])).toEqual(['32']);
    expect(achievableSizes(six)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

test('a machine stays on one NUMA node where it can', () => {
  const pieces = [piece('a', 1, 0), piece('b', 1, 1), piece('c', 1, 0), piece('d', 1, 1)];
  expect(split(pieces, [2, 2])).toEqual(['a+c', 'b+d']);
});

test('models are not mixed', () => {
  const pieces = [piece('a', 1), piece('b', 1, null, 't4')];
  expect(split(pieces, [2])).toBeNull();
  expect(achievableSizes(pieces)).toEqual([1]);
});

test('sixteen GPUs on eight nodes are few', () => {
  const pieces = Array.from({ length: 16 }, (_, at) => piece(`p${String(at).padStart(2, '0')}`, 1, at % 8));
  expect(split(pieces, [4, 4, 4, 4])?.[0]?.split('+')).toHaveLength(4);
  expect(split(pieces, [2, 2, 2, 2, 2, 2, 2, 2])?.[0]).toBe('p00+p08');
});

test('too much to try is told, not taken for impossible', () => {
  const pieces = Array.from({ length: 24 }, (_, at) => piece(`p${at}`, 1, at));
  expect(solve(pieces, [7, 8, 9], 10_000).kind).toBe('too_many');
});

/** The cost of these owners (a machine's place, or -1) of all pieces, largest machine first; null: not allowed. */
function costs(pieces: readonly Piece[], wants: readonly number[], owners: readonly number[]): Cost[] | null {
  const found: Cost[] = [];
  const places = wants.map((_, at) => at).toSorted((a, b) => wants[b]! - wants[a]!);
  for (const machine of places) {
    const wanted = wants[machine]!;
    const own = pieces.filter((_, at) => owners[at] === machine);
    const gpus = own.reduce((sum, { size }) => sum + size, 0);
    if (gpus < wanted || new Set(own.map(({ model }) => model)).size > 1) return null;
    const crosses = new Set(own.flatMap(({ numaNodes }) => numaNodes)).size > 1;
    found.push([own.length === 1 && gpus === wanted ? 0 : 1, own.length, crosses ? 1 : 0, gpus - wanted]);
  }
  return found;
}

/** The least cost of every assignment of every piece to a machine or to none. */
function bruteForce(pieces: readonly Piece[], wants: readonly number[]): Cost[] | null {
  let best: Cost[] | null = null;
  for (let code = 0; code < (wants.length + 1) ** pieces.length; code += 1) {
    const owners = pieces.map(
      (_, at) => (Math.floor(code / (wants.length + 1) ** at) % (wants.length + 1)) - 1,
    );
    const found = costs(pieces, wants, owners);
    if (found !== null && (best === null || isLess(found, best))) best = found;
  }
  return best;
}

function isLess(a: readonly Cost[], b: readonly Cost[]): boolean {
  const [left, right] = [a.flat(), b.flat()];
  const at = left.findIndex((value, index) => value !== right[index]);
  return at >= 0 && left[at]! < right[at]!;
}

test('as good as trying everything, and every share holds', { timeout: 60_000 }, () => {
  const pieces = fc
    .array(
      fc.record({
        size: fc.integer({ min: 1, max: 4 }),
        model: fc.constantFrom('v100', 'v100', 'v100', 't4'),
        numaNodes: fc.constantFrom([], [0], [1], [0, 1]),
      }),
      { maxLength: 5 },
    )
    .map((list) => list.map((one, at): Piece => ({ ...one, key: `p${at}` })));
  const wants = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 });
  let [planned, refused] = [0, 0];
  fc.assert(
    fc.property(pieces, wants, (all, wanted) => {
      const solution = solve(all, wanted);
      const best = bruteForce(all, wanted);
      if (best === null) {
        refused += 1;
        expect(solution.kind).toBe('none');
        return;
      }
      planned += 1;
      if (solution.kind !== 'shares') throw new Error(`no shares: ${solution.kind}`);
      const keys = solution.shares.flatMap((share) => share.keys);
      expect(new Set(keys).size).toBe(keys.length);
      expect(solution.shares.map(({ wanted: size }) => size)).toEqual(wanted);
      const owners = all.map(({ key }) => solution.shares.findIndex((share) => share.keys.includes(key)));
      expect(costs(all, wanted, owners)).toEqual(best);
    }),
    { numRuns: 3000, seed: 6 },
  );
  // Both ends are met often enough to mean something.
  expect(planned).toBeGreaterThan(500);
  expect(refused).toBeGreaterThan(500);
});
