// Each fault of the catalogue is planted in the simulated cloud, and found; nothing else is found with it.
import { describe, expect, test } from 'vitest';
import { DAY_MS, MINUTE_MS } from '../../src/base/units.ts';
import { catalogue } from '../../src/doctor/catalogue.ts';
import { allFindings, codesOf, findings, passwordOf } from '../support/doctor.ts';
import { ACCESS_FAULTS } from '../support/doctor-faults-access.ts';
import { CLOUD_FAULTS } from '../support/doctor-faults-cloud.ts';
import { gpuAggregate, moreFlavors, services } from '../support/doctor-planting.ts';

const FAULTS = [...ACCESS_FAULTS, ...CLOUD_FAULTS];

test('a healthy cloud has no findings, whoever the account is and wherever servers are made', async () => {
  expect(await findings({})).toEqual([]);
  const admin = passwordOf('admin', 'admin', 'admin');
  expect(await findings({ credentials: admin, settings: { ownership: 'project' } })).toEqual([]);
  const lent = { user: 'cyborg', project: 'demo', roles: ['member'] };
  const granted = { topology: () => ({ accounts: [lent] }), settings: { ownership: 'project' } } as const;
  expect(await findings(granted)).toEqual([]);
  expect(await findings({ settings: { ownership: 'trust', projects: ['demo'] } })).toEqual([]);
  expect(await findings({ settings: { image: 'ubuntu-22.04-cuda', network: 'private' } })).toEqual([]);
  expect(await findings({ settings: { aliases: {} } })).toEqual([]);
});

describe.each(FAULTS)('%s', (_theme, cases) => {
  test.each(cases.map((one, index) => [one[0], index, one] as const))(
    '%s (%i)',
    async (code, _index, [, fault, message, fix, all]) => {
      const found = await findings(fault);
      const own = found.find((one) => one.code === code);
      expect(codesOf(found).toSorted()).toEqual((all ?? [code]).toSorted());
      expect(own?.message).toMatch(message);
      if (fix !== undefined) expect(own?.fix).toMatch(fix);
      for (const one of found) {
        expect(one.message).toMatch(/[.]$/);
        expect(one.fix).not.toBe('');
        expect(`${one.message} ${one.fix}`).not.toMatch(/undefined|NaN|\[object/);
      }
    },
  );
});

test('what is only good to know is no finding, and is told on demand', async () => {
  const fault = {
    ...moreFlavors({ name: 'DEPRECATED old', disabled: true, swap: 512, gpu: 'V100:1' }),
    credentials: passwordOf('admin', 'admin', 'admin'),
    settings: { ownership: 'project', aliases: {} },
  } as const;
  expect(await findings(fault)).toEqual([]);
  const codes = codesOf(await allFindings(fault));
  expect(codes).toEqual(
    expect.arrayContaining([
      'flavor_disabled',
      'flavor_deprecated',
      'flavor_swap',
      'projects_none',
      'alias_inferred',
    ]),
  );
});

test('one broken service does not hide the findings of the others', async () => {
  const found = await findings({
    ...services({ unreachable: ['placement'] }),
    ...gpuAggregate({ gpu_count: 'two' }, { services: { unreachable: ['placement'] } }),
    settings: { image: 'nope' },
  });
  expect(codesOf(found).toSorted()).toEqual(['endpoint_unreachable', 'gpu_count_invalid', 'image_missing']);
});

test('a member with declared hosts is enough', async () => {
  const credentials = passwordOf('demo', 'demo', 'demo');
  expect(await findings({ credentials, settings: { declaredHosts: 1 } })).toEqual([]);
});

test('a clock that is off by more than five minutes is an error, and by less than one minute nothing', async () => {
  expect(await findings({ aheadMs: 30_000 })).toEqual([]);
  const severity = async (aheadMs: number) => (await findings({ aheadMs })).map((one) => one.severity);
  expect(await severity(2 * MINUTE_MS)).toEqual(['warning']);
  expect(await severity(-DAY_MS)).toEqual(['error']);
});

test('nothing is written to the cloud', async () => {
  const calls: string[] = [];
  const note = (url: string, method: string): null => {
    calls.push(`${method} ${new URL(url).pathname}`);
    return null;
  };
  expect(await findings({ instead: note })).toEqual([]);
  expect(calls.length).toBeGreaterThan(15);
  const changing = calls.filter((call) => !call.startsWith('GET '));
  expect([...new Set(changing)]).toEqual(['POST /identity/v3/auth/tokens']);
});

test('no secret is told', async () => {
  const secret = 'correct horse';
  const found = await allFindings({ credentials: passwordOf('cyborg', secret) });
  expect(codesOf(found)).toEqual(['credentials_refused']);
  expect(JSON.stringify(found)).not.toContain(secret);
});

test('every finding is planted here, but those that need a file', () => {
  const cases = FAULTS.flatMap(([, planted]) => planted);
  const planted = new Set<string>(cases.map(([code]) => code));
  const missing = Object.keys(catalogue).filter((code) => !planted.has(code));
  expect(missing).toEqual([
    'config_invalid',
    'cloud_unreadable',
    'cloud_setting_useless',
    'tls_unverified',
    'projects_none',
    'alias_inferred',
    'flavor_disabled',
    'flavor_deprecated',
    'flavor_swap',
  ]);
  expect(planted.size).toBeGreaterThanOrEqual(50);
});
