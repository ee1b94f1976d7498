import { expect, test } from 'vitest';
import type { LeaseJson } from '../api/leases.ts';
import { endText, leaseName, nowText, stageOf, stateCell, waitText } from './lease-text.ts';

const nowMs = Date.parse('2026-11-21T12:00:00Z');

const lease: LeaseJson = {
  id: '4f3a1b2c-0000-4000-8000-000000000000',
  name: 'training',
  project_name: null,
  project_id: 'ml',
  owner_id: 'ada',
  state: 'queued',
  flavor: 'gpu_tiny',
  flavor_id: 'f1',
  gpus: { V100: 1 },
  host: null,
  image: null,
  created_at: '2026-11-21T11:00:00Z',
  duration_seconds: 3600,
  starts_at: null,
  expires_at: null,
  ended_at: null,
  wait_until: null,
  position: 2,
  forecast_at: '2026-11-21T14:10:00Z',
  wait_reasons: {},
  progress: null,
  obstacle: null,
  profiles: [],
  notes: [],
  connection: null,
  renewed_since: null,
  grace_until: null,
  keep_until: null,
  purpose: 'interactive',
  at_end: 'shelve',
  renew: true,
  ticket: null,
  scratch_gib: 0,
  end_reason: null,
  cause: null,
  setbacks: [],
  reservation_id: null,
  unreachable_since: null,
  generation: 1,
  gpu_seconds: 0,
};

test.each<[Partial<LeaseJson>, string]>([
  [{}, 'waiting: number 2 in the queue, expected to start in 2h10m'],
  [{ forecast_at: null }, 'waiting: number 2 in the queue, nothing known gets free'],
  [
    { forecast_at: null, wait_reasons: { host_drained: 1, devices_taken: 3 } },
    'waiting: number 2 in the queue, nothing known gets free (3 hosts with all GPUs taken, 1 drained)',
  ],
  [{ state: 'reserved', starts_at: '2026-11-22T12:00:00Z' }, 'reserved, starts in 1d'],
  [{ state: 'starting', progress: 'building', host: 'gpu-01' }, 'building the machine on gpu-01'],
  [{ state: 'starting', progress: 'waiting' }, 'preparing'],
  [
    {
      state: 'starting',
      progress: 'checking',
      host: 'gpu-01',
      obstacle: 'SSH did not answer at 192.0.2.7:22',
    },
    'checking whether one can get in on gpu-01: SSH did not answer at 192.0.2.7:22',
  ],
  [
    { state: 'ended', end_reason: 'failed', cause: 'No valid host' },
    'it could not be started: No valid host',
  ],
])('%j is said as %s', (change, text) => {
  expect(nowText({ ...lease, ...change }, nowMs)).toBe(text);
});

test('reasons about no host stand before those about hosts', () => {
  expect(waitText({ devices_taken: 1, frozen: 1, new_reason: 2 })).toBe(
    'the service starts nothing now, see `berth status`, new reason, 1 host with all GPUs taken',
  );
});

test('the state carries what people look for, programs get the bare word', () => {
  const texts = [
    stateCell(lease),
    stateCell({ ...lease, state: 'starting', progress: 'address' }),
    stateCell({ ...lease, state: 'ended', end_reason: 'wait_timed_out' }),
    stateCell({ ...lease, state: 'active', unreachable_since: '2026-11-21T11:00:00Z' }),
  ].map(({ text, value }) => `${text} = ${JSON.stringify(value)}`);
  expect(texts).toEqual([
    'queued (#2) = "queued"',
    'starting (address) = "starting"',
    'ended (wait timed out) = "ended"',
    'active, unreachable = "active"',
  ]);
});

test('a name that is only made of the id is not repeated', () => {
  expect(leaseName(lease)).toBe('4f3a1b2c (training)');
  expect(leaseName({ id: lease.id, name: 'lease-4f3a1b2c' })).toBe('4f3a1b2c');
  expect(endText({ ...lease, end_reason: 'released' })).toBe('given back');
});

test('a forecast that moves is no new stage, another place is', () => {
  expect(stageOf({ ...lease, forecast_at: '2026-11-21T14:11:00Z' })).toBe(stageOf(lease));
  expect(stageOf({ ...lease, position: 1 })).not.toBe(stageOf(lease));
});
