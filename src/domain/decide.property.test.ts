/**
 * Random commands on random small worlds: after each, all invariants hold; `decide` leaves no trace;
 * `explain` says possible exactly when `decide` grants; whoever could start does not wait.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asId } from '../base/ids.ts';
import {
  create,
  flavor,
  host,
  lease,
  project,
  slotHost,
  unitHost,
  world,
} from '../../test/support/worlds.ts';
import type { Command } from './command.ts';
import { decide, execute } from './decide.ts';
import type { Account } from './accounts.ts';
import type { Change } from './model/entities.ts';
import type { Limits, ProjectLimits } from './model/limits.ts';
import { totalDevices } from './scheduler/free.ts';
import { demandOf } from './commands/request.ts';
import { checkWorld } from './invariants.ts';
import { explain } from './scheduler/explain.ts';
import type { World } from './world.ts';

const FLAVORS = [
  flavor('one', { V100: 1 }),
  flavor('two', { V100: 2 }, 8),
  flavor('four', { V100: 4 }, 16),
  flavor('a100', { A100: 1 }, 32, 65_536),
  flavor('cpu', {}, 16),
];

/** November is over at this moment: histories begin a quarter of an hour before. */
const MONTH_END = Date.UTC(2026, 11, 1);

function freshWorld(): World {
  return world(
    [
      slotHost('s1', { V100: 4 }, 32),
      slotHost('s2', { V100: 2, A100: 2 }),
      unitHost('u1', [
        ['V100', 'g1'],
        ['V100', 'g1'],
        ['V100', null],
        ['V100', 'g2'],
      ]),
      unitHost('u2', [
        ['A100', null],
        ['V100', 'x'],
        ['V100', 'x'],
        ['V100', 'x'],
      ]),
    ],
    FLAVORS,
    { startEstimateMs: 1000, endEstimateMs: 1000 },
  );
}

type Move = { readonly kind: number; readonly a: number; readonly b: number; readonly c: number };
const moves = fc.array(fc.record({ kind: fc.nat(17), a: fc.nat(1000), b: fc.nat(1000), c: fc.nat(1000) }), {
  minLength: 10,
  maxLength: 120,
});

/** Turns numbers into a command that makes sense more often than not. */
function commandOf(w: World, move: Move, nowMs: number, counter: number): Command {
  const ids = [...w.leases.keys()];
  const someLease = ids[move.a % Math.max(1, ids.length)] ?? lease('none');
  const inState = (kind: string): ReturnType<typeof lease> => {
    const found = [...w.leases.values()].filter((each) => each.state.kind === kind);
    return found[move.a % Math.max(1, found.length)]?.id ?? someLease;
  };
  const hosts = ['s1', 's2', 'u1', 'u2'];
  const hostId = host(hosts[move.b % hosts.length] ?? 's1');
  const name = FLAVORS[move.b % FLAVORS.length]?.name ?? 'one';
  const who = { projectId: project(`p${move.c % 3}`), durationMs: 60_000 * (1 + (move.c % 50)) };
  switch (move.kind) {
    case 0:
    case 1:
    case 2:
    case 3:
      return create(`l${counter}`, name, { ...who, atEnd: move.a % 2 === 0 ? 'delete' : 'shelve' });
    case 4:
      return create(`l${counter}`, name, {
        ...who,
        waitUntilMs: nowMs + (move.a % 5) * 60_000,
        hostId: move.a % 3 === 0 ? hostId : null,
      });
    case 5:
      return create(`l${counter}`, name, {
        ...who,
        leaseIds: [lease(`l${counter}a`), lease(`l${counter}b`)].slice(0, 1 + (move.a % 2)),
        window: { fromMs: nowMs + (move.a % 100) * 60_000, reservationId: asId(`r${counter}`) },
      });
    case 6:
      return { type: 'lease.release', leaseId: someLease };
    case 7:
      return {
        type: 'lease.extend',
        role: 'member',
        leaseId: inState('active'),
        expiresAtMs: nowMs + 60_000 * (1 + (move.c % 200)),
      };
    case 8:
    case 9:
      return {
        type: 'lease.ready',
        leaseId: inState('starting'),
        connection: { host: '::1', port: 22, user: 'u' },
      };
    case 10:
      return { type: 'lease.gone', leaseId: inState('ending') };
    case 11:
      return {
        type: 'lease.startFailed',
        leaseId: inState('starting'),
        failure: { code: 'x', message: 'x', next: move.c % 4 === 0 ? 'final' : 'other_host' },
      };
    case 12:
      return { type: 'lease.refs', leaseId: someLease, refs: { serverId: `srv${counter}` } };
    case 13:
      return move.a % 2 === 0
        ? { type: 'lease.shelve', leaseId: inState('active') }
        : { type: 'lease.shelved', leaseId: inState('shelving') };
    case 14:
      return {
        type: 'lease.unshelve',
        role: 'member',
        leaseId: inState('shelved'),
        durationMs: null,
        waitUntilMs: null,
      };
    case 15:
      return move.a % 2 === 0
        ? {
            type: 'host.drain',
            hostId,
            fromMs: nowMs + (move.c % 60) * 60_000,
            untilMs: nowMs + 7_200_000,
            reason: 'r',
          }
        : { type: 'host.undrain', hostId };
    case 16:
      if (move.a % 4 === 0) return { type: 'lease.lost', leaseId: someLease, cause: 'gone' };
      return {
        type: 'project.set',
        projectId: who.projectId,
        name: 'p',
        ...randomLimits(move),
      };
    default:
      return { type: 'tick' };
  }
}

/** Tight ones, so that they are met: a month's end is near (see `MONTH_END`). */
function randomLimits({ a, b, c }: Move): ProjectLimits {
  const some = (number: number, of: number, value: number): number | null =>
    number % of === 0 ? value : null;
  const limits = (x: number): Limits => ({
    gpus: some(x, 2, 6),
    gpusByClass: x % 3 === 0 ? { V100: 2 + (x % 4) } : {},
    leases: some(x, 5, 3),
    gpuHoursPerMonth: some(x, 4, 1 + (x % 3)),
    durationMs: some(x, 7, 30 * 60_000),
    queued: some(x, 5, x % 6),
  });
  return { limits: limits(c), perUser: limits(a), users: b % 2 === 0 ? { user: { gpus: 3 } } : {} };
}

/** ms × devices that each lease has given back: by its own books, and by the records of usage. */
class Books {
  readonly #used = new Map<string, number>();
  readonly #recorded = new Map<string, number>();

  add(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.entity === 'lease' && change.after !== null)
        this.#used.set(change.id, change.after.usedDeviceMs);
      if (change.entity !== 'usage' || change.after === null) continue;
      const { leaseId, devices, fromMs, untilMs } = change.after;
      const deviceMs = (untilMs - fromMs) * totalDevices(devices);
      this.#recorded.set(leaseId, (this.#recorded.get(leaseId) ?? 0) + deviceMs);
    }
  }

  /** Ids of leases whose books differ. */
  differing(): readonly string[] {
    return [...this.#used].filter(([id, ms]) => (this.#recorded.get(id) ?? 0) !== ms).map(([id]) => id);
  }
}

function fingerprint(w: World): string {
  return JSON.stringify([
    [...w.leases.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    [...w.hosts.values()].map((row) => [row.host, row.free, row.plannedCount]),
    w.control,
    [...w.projects.values()],
    w.queue.size,
    w.due.nextMs(),
    [...w.accounts.all()]
      .map(({ projectId, ownerId, account }) => accountOf(projectId, ownerId, account))
      .filter((account) => account !== null),
  ]);
}

/** What is zero is as if it was not there. */
function accountOf(projectId: string, ownerId: string | null, account: Account): unknown {
  const { gpus, leases, queued, byClass, months } = account;
  const classes = [...byClass].filter(([, count]) => count !== 0).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const uses = [...months]
    .filter(([, { used, claimed }]) => used !== 0 || claimed !== 0)
    .toSorted(([a], [b]) => a - b);
  const isEmpty = gpus === 0 && leases === 0 && queued === 0 && uses.length === 0;
  return isEmpty ? null : [projectId, ownerId, gpus, leases, queued, classes, uses];
}

describe('random histories', () => {
  test('keep every invariant, and decide leaves no trace', () => {
    fc.assert(
      fc.property(moves, (history) => {
        const w = freshWorld();
        const books = new Books();
        let nowMs = MONTH_END - 900_000;
        history.forEach((move, counter) => {
          nowMs += (move.c % 7) * 20_000;
          const command = commandOf(w, move, nowMs, counter);
          const before = fingerprint(w);
          const dry = decide(w, command, nowMs, 'test');
          expect(fingerprint(w)).toBe(before);
          const { decision } = execute(w, command, nowMs, 'test');
          expect(JSON.stringify(decision)).toBe(JSON.stringify(dry));
          expect(checkWorld(w)).toEqual([]);
          if (decision.kind === 'decided') books.add(decision.changes);
          expect(books.differing()).toEqual([]);
        });
      }),
      { numRuns: 150 },
    );
  });

  test('explain says possible exactly when decide grants', () => {
    fc.assert(
      fc.property(moves, fc.nat(FLAVORS.length - 1), (history, pick) => {
        const w = freshWorld();
        let nowMs = MONTH_END - 900_000;
        history.forEach((move, counter) => {
          nowMs += (move.c % 7) * 20_000;
          execute(w, commandOf(w, move, nowMs, counter), nowMs, 'test');
        });
        execute(w, { type: 'tick' }, nowMs, 'test');
        const wanted = FLAVORS[pick] ?? FLAVORS[0];
        if (wanted === undefined) return;
        const question = {
          demand: demandOf(wanted, null),
          projectId: project('p1'),
          ownerId: 'user',
          durationMs: 1_800_000,
          fromMs: null,
          lease: null,
        };
        const verdict = explain(w, question, nowMs);
        const request = create('asked', wanted.name, {
          projectId: project('p1'),
          durationMs: 1_800_000,
          waitUntilMs: nowMs,
        });
        const decision = decide(w, request, nowMs, 'test');
        expect({ granted: decision.kind === 'decided', why: decision }).toEqual({
          granted: verdict.possible,
          why: decision,
        });
      }),
      { numRuns: 300 },
    );
  });
});
