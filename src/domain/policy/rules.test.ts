import { describe, expect, test } from 'vitest';
import { create, flavor, lease, project, slotHost, T0, world } from '../../../test/support/worlds.ts';
import { asId } from '../../base/ids.ts';
import { DAY_MS, HOUR_MS } from '../../base/units.ts';
import { decide, execute } from '../decide.ts';
import { newProject } from '../model/project.ts';
import type { Role } from '../model/token.ts';
import { PunctualRun } from '../scheduler/punctual-run.fixtures.ts';
import type { Settings } from '../settings.ts';
import { termsFor, type LeaseRule } from './rules.ts';

const ANY: LeaseRule['match'] = { project: null, gpuClass: null, role: null };
const SILENT = { defaultDurationMs: null, maxDurationMs: null, atEnd: null, renewMs: null };
const RULES: readonly LeaseRule[] = [
  { ...SILENT, match: { ...ANY, role: 'manager' }, maxDurationMs: 14 * DAY_MS },
  { ...SILENT, match: { ...ANY, project: 'lab2', gpuClass: 'A100' }, maxDurationMs: HOUR_MS, renewMs: 0 },
  { ...SILENT, match: { ...ANY, gpuClass: 'A100' }, maxDurationMs: DAY_MS, defaultDurationMs: 8 * HOUR_MS },
  { ...SILENT, match: { ...ANY, project: 'ci' }, atEnd: 'delete', defaultDurationMs: HOUR_MS },
];
const FLAVORS = [flavor('v100', { V100: 1 }), flavor('a100', { A100: 1 })];
const HOSTS = [slotHost('s1', { V100: 4, A100: 4 })];

function terms(gpuClass: string, projectId: string, role: Role = 'member', settings: Partial<Settings> = {}) {
  const w = world(HOSTS, FLAVORS, { rules: RULES, ...settings });
  const named = newProject(project('0a1b2c'), 'lab2');
  w.apply([{ entity: 'project', id: named.id, after: named }]);
  return termsFor(w, { projectId: project(projectId), role, demand: { devices: { [gpuClass]: 1 } } });
}

describe('for each question the first rule counts that matches and answers it', () => {
  test('nobody matches: the general settings', () => {
    expect(terms('V100', 'demo')).toMatchObject({
      maxDurationMs: 7 * DAY_MS,
      maxFor: 'A lease',
      defaultDurationMs: null,
      atEnd: 'shelve',
      renewMs: HOUR_MS,
    });
  });

  test('one rule leaves to a later one what it does not say, but for what it limits', () => {
    expect(terms('A100', 'lab2')).toMatchObject({
      maxDurationMs: HOUR_MS,
      defaultDurationMs: HOUR_MS,
      renewMs: 0,
    });
    expect(terms('A100', 'demo')).toMatchObject({ maxDurationMs: DAY_MS, defaultDurationMs: 8 * HOUR_MS });
  });

  test('a project is known by its id or its name', () => {
    expect(terms('A100', '0a1b2c')).toMatchObject({ maxDurationMs: HOUR_MS });
  });

  test('the order decides, not how special a rule is', () => {
    expect(terms('A100', 'lab2', 'manager')).toMatchObject({ maxDurationMs: 14 * DAY_MS, renewMs: 0 });
  });

  test('what becomes of the machine can be ruled too', () => {
    expect(terms('V100', 'ci')).toMatchObject({ atEnd: 'delete', defaultDurationMs: HOUR_MS });
  });
});

describe('a request', () => {
  const w = world(HOSTS, FLAVORS, { rules: RULES });

  test('beyond the maximum is refused with the maximum and the rule', () => {
    const command = create('a', 'a100', { projectId: project('lab2'), durationMs: 2 * HOUR_MS });
    expect(decide(w, command, T0, 'test')).toMatchObject({
      refusal: {
        code: 'duration_too_long',
        message: 'A lease of project lab2 with A100 can last 1h at most.',
        details: { limit_s: 3600 },
      },
    });
  });

  test('without a length gets that of its rule; without such a rule it is refused', () => {
    const short = { durationMs: null, atEnd: null, renew: null };
    const done = decide(w, create('a', 'v100', { projectId: project('ci'), ...short }), T0, 'test');
    const made = done.kind === 'decided' ? done.changes.find(({ entity }) => entity === 'lease') : undefined;
    expect(made?.after).toMatchObject({ request: { durationMs: HOUR_MS, atEnd: 'delete', renew: false } });
    expect(decide(w, create('a', 'v100', short), T0, 'test')).toMatchObject({
      refusal: { code: 'missing_field', field: 'duration' },
    });
  });

  test('to bring a lease back keeps to the same', () => {
    const run = new PunctualRun(HOSTS, FLAVORS, { rules: RULES });
    run.give(create('a', 'a100', { atEnd: 'shelve', projectId: project('lab2') }));
    run.give({ type: 'lease.refs', leaseId: lease('a'), refs: { serverId: 'server-1' } });
    run.run(HOUR_MS / 2);
    run.give({ type: 'lease.shelve', leaseId: lease('a') });
    run.run(HOUR_MS / 2);
    const back = { type: 'lease.unshelve', leaseId: lease('a'), waitUntilMs: null } as const;
    expect(run.give({ ...back, role: 'member', durationMs: 2 * HOUR_MS })).toMatchObject({
      refusal: { code: 'duration_too_long' },
    });
    expect(run.give({ ...back, role: 'manager', durationMs: 2 * HOUR_MS })).toMatchObject({
      kind: 'decided',
    });
  });

  test('for a window is held to them too', () => {
    const window = { fromMs: T0 + HOUR_MS, reservationId: asId<'reservation'>('r') };
    const command = create('w', 'a100', { durationMs: 2 * DAY_MS, window });
    expect(execute(w, command, T0, 'test').decision).toMatchObject({
      refusal: { code: 'duration_too_long' },
    });
  });
});
