import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { leaseIn } from '../domain/lease/lease.fixtures.ts';
import type { LeaseRequest } from '../domain/model/lease.ts';
import { NO_SETUP, type Setup } from '../domain/model/setup.ts';
import { ProviderError } from '../engine/ports.ts';
import { createCatalogue } from '../profiles/catalogue.ts';
import { userDataOf } from './user-data.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBq6Qe7XrUg8a2wGnUwYjR0o2Jr3jJ2mKq3kq1Y9vF1b ada@home';

function rendered(
  setup: Partial<Setup> | null,
  more: Partial<LeaseRequest> = {},
  phoneHomeUrl: string | null = null,
) {
  const { request } = leaseIn('starting');
  const full = setup === null ? {} : { setup: { ...NO_SETUP, ...setup } };
  const lease = { request: { ...request, sshPublicKey: KEY, ...full, ...more } };
  return userDataOf(lease, { catalogue: createCatalogue([]), user: 'debian', phoneHomeUrl });
}

test('a lease that asks for nothing gets its key, one without a key nothing', () => {
  expect(parse(rendered(null)?.toString() ?? '')).toEqual({
    ssh_authorized_keys: [KEY],
    system_info: { default_user: { name: 'debian' } },
  });
  expect(rendered(null, { sshPublicKey: null })).toBeNull();
});

test('the cards of the flavor decide what its profiles become', () => {
  const { demand } = leaseIn('starting').request;
  const on = (gpu: string): string =>
    rendered(
      { profiles: [{ name: 'nvidia-driver', params: { version: '570' } }] },
      { demand: { ...demand, devices: { [gpu]: 1 } } },
    )?.toString() ?? '';
  expect(on('V100')).toContain("P_KERNEL='closed'");
  expect(on('A100')).toContain("P_KERNEL='open'");
});

test('a profile that the service has lost meanwhile fails the start with its name', () => {
  const render = () => rendered({ profiles: [{ name: 'site-tools', params: {} }] });
  expect(render).toThrow(ProviderError);
  expect(render).toThrow("There is no profile 'site-tools'");
});
