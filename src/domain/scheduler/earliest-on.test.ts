/** The sweep answers as `fitsWindow` does when it is asked at each moment at which something ends. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { flavor, slotHost, T0, unitHost } from '../../../test/support/worlds.ts';
import type { Claim } from '../model/claim.ts';
import type { Host } from '../model/host.ts';
import { fitsWindow } from './calendar.ts';
import { earliestOn } from './earliest-on.ts';
import type { HostClaim, HostRow } from './host-row.ts';
import { emptyFree, freeWith } from './host-row.ts';

const CARDS = 4;
const MINUTE_MS = 60_000;

const span = fc.record({
  fromMin: fc.integer({ min: -20, max: 20 }),
  lengthMin: fc.integer({ min: 1, max: 30 }),
  firstCard: fc.nat(CARDS - 1),
  cards: fc.integer({ min: 1, max: 2 }),
  isHeld: fc.boolean(),
});
type Span = typeof span extends fc.Arbitrary<infer T> ? T : never;

const situations = fc.record({
  kind: fc.constantFrom('slot', 'unit'),
  claims: fc.array(span, { maxLength: 8 }),
  imagined: fc.array(span, { maxLength: 6 }),
  drain: fc.option(
    fc.record({
      fromMin: fc.integer({ min: -5, max: 20 }),
      lengthMin: fc.option(fc.integer({ min: 1, max: 20 })),
    }),
  ),
  cards: fc.integer({ min: 1, max: CARDS }),
  durationMin: fc.integer({ min: 1, max: 40 }),
});

test('the earliest time is the first at which the window fits', () => {
  fc.assert(
    fc.property(situations, ({ kind, claims, imagined, drain, cards, durationMin }) => {
      const row = rowOf(kind, claims, drain);
      const extra = imagined.map((each) => claimOf(row.host, each));
      const need = flavor('f', { V100: cards });
      const durationMs = durationMin * MINUTE_MS;
      const ends = [...row.claims.values()].map(({ claim }) => Math.max(claim.untilMs, T0 + 1));
      const starts = [T0, ...ends, ...extra.map((claim) => claim.untilMs), row.host.drain?.untilMs ?? T0];
      const first = starts
        .filter((fromMs) => fromMs >= T0)
        .toSorted((a, b) => a - b)
        .find((fromMs) => fitsWindow(row, need, { fromMs, untilMs: fromMs + durationMs }, T0, extra));
      expect(earliestOn(row, need, durationMs, T0, extra)).toBe(first ?? Number.POSITIVE_INFINITY);
    }),
    { numRuns: 1000 },
  );
});

function rowOf(
  kind: string,
  claims: readonly Span[],
  drain: { readonly fromMin: number; readonly lengthMin: number | null } | null,
): HostRow {
  const observed =
    kind === 'slot'
      ? slotHost('h', { V100: CARDS })
      : unitHost('h', [
          ['V100', null],
          ['V100', null],
          ['V100', 'g'],
          ['V100', 'g'],
        ]);
  const fromMs = T0 + (drain?.fromMin ?? 0) * MINUTE_MS;
  const lengthMin = drain?.lengthMin ?? null;
  const untilMs = lengthMin === null ? null : fromMs + lengthMin * MINUTE_MS;
  const host: Host = {
    ...observed,
    drain: drain === null ? null : { fromMs, untilMs, reason: 'r', actor: 'a' },
  };
  const entries = claims.map((each, index): [`lease-${number}`, HostClaim] => [
    `lease-${index}`,
    // What has not begun is not held.
    { claim: claimOf(host, each), held: each.isHeld && each.fromMin <= 0 },
  ]);
  const empty = emptyFree(host);
  const row: HostRow = { host, index: 0, claims: new Map(), plannedCount: 0, empty, free: empty };
  for (const [id, entry] of entries) row.claims.set(id as never, entry);
  row.plannedCount = entries.filter(([, { held }]) => !held).length;
  row.free = freeWith(row, ({ held }) => held);
  return row;
}

function claimOf(host: Host, { fromMin, lengthMin, firstCard, cards }: Span): Claim {
  const base = {
    hostId: host.id,
    resources: { vcpus: 4 * cards, memoryMiB: 8192 * cards, diskGiB: 20 * cards },
    devices: { V100: cards },
    fromMs: T0 + fromMin * MINUTE_MS,
    untilMs: T0 + (fromMin + lengthMin) * MINUTE_MS,
  };
  if (host.claimKind === 'slot') return { kind: 'slot', ...base, provisional: true };
  const picked = host.devices.slice(firstCard, firstCard + cards);
  return { kind: 'unit', ...base, devices: { V100: picked.length }, deviceIds: picked.map(({ id }) => id) };
}
