import { expect, test } from 'vitest';
import { MINUTE_MS } from '../base/units.ts';
import { capacitySight, REPORT_AGE_MS_MAX, reasonUnpublished } from './capacity-sight.ts';
import type { CloudAccount } from './cloud-account.ts';
import type { ProviderStatus } from './views.ts';

const NOW_MS = 100 * MINUTE_MS;

const MEMBER: CloudAccount = {
  userId: 'u',
  userName: 'berth',
  projectId: null,
  projectName: 'demo',
  roles: ['member'],
  rights: 'member',
  missing: ['hypervisors'],
  ownership: 'service',
  placement: 'nova',
};

function status(more: Partial<ProviderStatus>): ProviderStatus {
  const seen = { reachable: true, observedAtMs: NOW_MS, error: null };
  return { id: 'north', kind: 'openstack', ...seen, warnings: [], account: null, ...more };
}

test('numbers of a cloud that was just seen need no word', () => {
  expect(capacitySight(status({}))).toEqual({ observedAtMs: NOW_MS, seesOthers: true, note: null });
  expect(reasonUnpublished(status({}), NOW_MS)).toBeNull();
});

test('those of a cloud that is away are kept with their age, and published up to a limit', () => {
  const away = status({ reachable: false, error: 'no answer' });
  expect(capacitySight(away)).toMatchObject({
    observedAtMs: NOW_MS,
    note: expect.stringContaining('does not answer'),
  });
  expect(reasonUnpublished(away, NOW_MS + REPORT_AGE_MS_MAX)).toBeNull();
  expect(reasonUnpublished(away, NOW_MS + REPORT_AGE_MS_MAX + 1)).toContain('last seen 5 minutes ago');
});

test('a member knows nothing of others, however fresh its look', () => {
  const member = status({ account: MEMBER });
  expect(capacitySight(member)).toMatchObject({
    seesOthers: false,
    note: expect.stringContaining('own project'),
  });
  expect(reasonUnpublished(member, NOW_MS)).toContain('own project');
});

test('a cloud that was never seen has no numbers', () => {
  const unseen = status({ reachable: false, observedAtMs: null });
  expect(capacitySight(unseen)).toMatchObject({ observedAtMs: null, note: null });
  expect(reasonUnpublished(unseen, NOW_MS)).toBe('cloud north was not seen yet');
});
