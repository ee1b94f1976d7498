import { describe, expect, test } from 'vitest';
import { create, flavor, lease, project, slotHost, T0, world } from '../../test/support/worlds.ts';
import { HOUR_MS, MINUTE_MS } from '../base/units.ts';
import type { Command } from './command.ts';
import { execute } from './decide.ts';
import type { Change } from './model/entities.ts';
import { newProject } from './model/project.ts';
import type { UsageRecord } from './model/usage.ts';
import type { World } from './world.ts';

const TWO = flavor('two', { V100: 1, A100: 1 });
const READY = {
  type: 'lease.ready',
  leaseId: lease('a'),
  connection: { host: '::1', port: 22, user: 'u' },
} as const;

function newWorld(): World {
  const w = world([slotHost('h', { V100: 4, A100: 4 })], [TWO]);
  w.apply([{ entity: 'project', id: 'demo', after: newProject(project('demo'), 'Demo lab') }]);
  return w;
}

function give(
  w: World,
  command: Command,
  nowMs: number,
): { changes: readonly Change[]; data: readonly unknown[] } {
  const { decision } = execute(w, command, nowMs, 'test');
  if (decision.kind === 'refused') throw new Error(decision.refusal.message);
  return { changes: decision.changes, data: decision.events.map(({ type, data }) => [type, data]) };
}

function recordsOf(changes: readonly Change[]): readonly UsageRecord[] {
  return changes.flatMap((change) =>
    change.entity === 'usage' && change.after !== null ? [change.after] : [],
  );
}

describe('what a lease has held', () => {
  test('goes on record with the release, with all that a report tells', () => {
    const w = newWorld();
    const granted = give(w, create('a', 'two', { purpose: 'ci', ownerId: 'ada' }), T0);
    expect(granted.data).toContainEqual([
      'lease.granted',
      expect.objectContaining({ gpus: { V100: 1, A100: 1 }, owner: 'ada', flavor: 'two', purpose: 'ci' }),
    ]);
    give(w, READY, T0 + MINUTE_MS);
    expect(recordsOf(give(w, { type: 'lease.release', leaseId: lease('a') }, T0 + HOUR_MS).changes)).toEqual(
      [],
    );
    const gone = give(w, { type: 'lease.gone', leaseId: lease('a') }, T0 + HOUR_MS + 7);
    const [record] = recordsOf(gone.changes);
    expect(record).toEqual({
      leaseId: 'a',
      holding: 5,
      leaseName: 'a',
      projectId: 'demo',
      projectName: 'Demo lab',
      ownerId: 'ada',
      flavorId: 'two',
      flavorName: 'two',
      purpose: 'ci',
      devices: { V100: 1, A100: 1 },
      fromMs: T0,
      untilMs: T0 + HOUR_MS + 7,
    });
    const usage = { gpu_ms: 2 * (HOUR_MS + 7), from_ms: T0, until_ms: T0 + HOUR_MS + 7, owner: 'ada' };
    expect(gone.data).toContainEqual(['lease.ended', { usage: expect.objectContaining(usage) }]);
  });

  test('is a record for each time: the shelf costs nothing', () => {
    const w = newWorld();
    give(w, create('a', 'two', { atEnd: 'shelve' }), T0);
    give(w, { type: 'lease.refs', leaseId: lease('a'), refs: { serverId: 's' } }, T0);
    give(w, READY, T0);
    give(w, { type: 'lease.shelve', leaseId: lease('a') }, T0 + 1000);
    const shelved = recordsOf(give(w, { type: 'lease.shelved', leaseId: lease('a') }, T0 + 2000).changes);
    expect(shelved).toMatchObject([{ fromMs: T0, untilMs: T0 + 2000 }]);
    const back: Command = {
      type: 'lease.unshelve',
      role: 'member',
      leaseId: lease('a'),
      durationMs: null,
      waitUntilMs: null,
    };
    give(w, back, T0 + 50_000);
    give(w, READY, T0 + 51_000);
    give(w, { type: 'lease.release', leaseId: lease('a') }, T0 + 52_000);
    const gone = recordsOf(give(w, { type: 'lease.gone', leaseId: lease('a') }, T0 + 53_000).changes);
    expect(gone).toMatchObject([{ fromMs: T0 + 50_000, untilMs: T0 + 53_000 }]);
    expect(gone[0]?.holding).toBeGreaterThan(shelved[0]?.holding ?? 0);
  });

  test('is nothing where the clock went back: time is not taken back', () => {
    const w = newWorld();
    give(w, create('a', 'two'), T0);
    give(w, { type: 'lease.release', leaseId: lease('a') }, T0 - HOUR_MS);
    const { changes } = give(w, { type: 'lease.gone', leaseId: lease('a') }, T0 - HOUR_MS);
    expect(recordsOf(changes)).toEqual([]);
    const ended = changes.find(({ entity, id }) => entity === 'lease' && id === 'a');
    expect(ended?.after).toMatchObject({ usedDeviceMs: 0, claimedAtMs: null });
  });
});
