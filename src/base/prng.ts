/**
 * A small seeded generator (sfc32, Chris Doty-Humphrey's PractRand) for everything that must replay: the
 * simulation, jitter in tests, the benchmarks. Not for secrets.
 */
export interface Prng {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, bound). */
  below(bound: number): number;
  /** True with probability `p`. */
  chance(p: number): boolean;
  /** One element of a non-empty list. */
  pick<T>(items: readonly T[]): T;
  /** A UUID-shaped (version 4) string drawn from this generator. */
  uuid(): string;
  /** An independent generator: streams do not disturb each other when one draws more. */
  fork(): Prng;
}

export function createPrng(seed: number): Prng {
  let a = 0x9e3779b9 ^ seed;
  let b = 0x243f6a88 ^ Math.imul(seed, 0x85ebca6b);
  let c = 0xb7e15162 ^ Math.imul(seed, 0xc2b2ae35);
  let counter = 1;
  const next32 = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return t >>> 0;
  };
  for (let i = 0; i < 15; i++) next32();
  const hex32 = (): string => next32().toString(16).padStart(8, '0');
  const prng: Prng = {
    next: () => next32() / 4294967296,
    below: (bound) => Math.floor((next32() / 4294967296) * bound),
    chance: (p) => next32() / 4294967296 < p,
    pick: (items) => {
      const item = items[Math.floor((next32() / 4294967296) * items.length)];
      if (item === undefined) throw new RangeError('pick needs a non-empty list');
      return item;
    },
    uuid: () => {
      const h = hex32() + hex32() + hex32() + hex32();
      const variant = ((parseInt(h.charAt(16), 16) & 0x3) | 0x8).toString(16);
      return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-${variant}${h.slice(17, 20)}-${h.slice(20)}`;
    },
    fork: () => createPrng(next32() | 0),
  };
  return prng;
}
