/** However many windows are asked for: each booking takes bounded work, or is refused with the reason. */
import { expect, test } from 'vitest';
import { create, flavor, lease, slotHost, T0, world } from '../../../test/support/worlds.ts';
import { asId } from '../../base/ids.ts';
import { DAY_MS, MINUTE_MS } from '../../base/units.ts';
import { execute } from '../decide.ts';
import type { Decision } from '../decision.ts';
import type { World } from '../world.ts';

const ONE = flavor('one', { V100: 1 }, 1, 1024, 1);
const WINDOWS_MAX = 256;
/** A minute with its start and its end. */
const STEP_MS = 5 * MINUTE_MS;

function book(w: World, id: string, fromMs: number, durationMs: number, count = 1): Decision {
  const leaseIds = Array.from({ length: count }, (_each, index) => lease(`${id}-${index}`));
  const window = { fromMs, reservationId: asId<'reservation'>(id) };
  return execute(w, create(id, 'one', { leaseIds, durationMs, window }), T0, 'test').decision;
}

/** Windows of a minute, as many at a time as leave one card of the host free. */
function bookMany(w: World, wanted: number): number {
  let booked = 0;
  for (let step = 1; booked < wanted; step++) {
    const decision = book(w, `many${step}`, T0 + step * STEP_MS, MINUTE_MS, Math.min(3, wanted - booked));
    if (decision.kind === 'refused') break;
    booked = w.leases.size;
  }
  return booked;
}

test('a host takes so many planned windows and no more, and the refusal says so', () => {
  const w = world([slotHost('s1', { V100: 4 })], [ONE]);
  expect(bookMany(w, WINDOWS_MAX)).toBe(WINDOWS_MAX);
  const refused = book(w, 'more', T0 + 6 * DAY_MS, MINUTE_MS);
  expect(refused).toMatchObject({
    kind: 'refused',
    refusal: {
      code: 'window_infeasible',
      message: expect.stringContaining('more than 256 planned windows'),
      details: { hosts_fully_booked: 1 },
    },
  });
  expect(w.leases.size).toBe(WINDOWS_MAX);
  execute(w, { type: 'lease.release', leaseId: lease('many1-0') }, T0, 'test');
  expect(book(w, 'again', T0 + 6 * DAY_MS, MINUTE_MS)).toMatchObject({ kind: 'decided' });
});

test('another host takes what the first one does not', () => {
  const w = world([slotHost('s1', { V100: 4 }), slotHost('s2', { V100: 4 })], [ONE]);
  bookMany(w, WINDOWS_MAX);
  expect(book(w, 'more', T0 + 6 * DAY_MS, MINUTE_MS)).toMatchObject({ kind: 'decided' });
  expect(w.leases.get(lease('more-0'))?.state).toMatchObject({ claim: { hostId: 's2' } });
});

test('the search for the nearest start looks at fewer times, the more there is to be compared', () => {
  const tried = (windows: number, hosts: number): unknown => {
    const rows = Array.from({ length: hosts }, (_each, index) => slotHost(`s${index}`, { V100: 4 }));
    const w = world(rows, [ONE]);
    bookMany(w, windows);
    // For longer than all the windows take, and on more cards than are left beside any of them.
    const refused = book(w, 'long', T0 + MINUTE_MS, 6 * DAY_MS, 4 * hosts);
    return refused.kind === 'refused' ? (refused.refusal.details['tried'] ?? 'some were tried') : 'booked';
  };
  expect(tried(250, 1)).toBeLessThanOrEqual(32);
  expect(tried(250, 500)).toBeLessThanOrEqual(20);
});
