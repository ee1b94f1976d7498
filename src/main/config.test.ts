import { expect, test } from 'vitest';
import { assert } from '../base/assert.ts';
import { DAY_MS, MINUTE_MS } from '../base/units.ts';
import { parseConfig, printable, settingsOf } from './config.ts';

function faultsOf(...names: readonly string[]): readonly string[] {
  const clouds = names.map((name) => `  - { name: ${name}, network: private, image: ubuntu }`);
  const parsed = parseConfig(['clouds:', ...clouds].join('\n'), 'berth.yaml');
  return parsed.ok ? [] : parsed.error;
}

test('clouds with names of their own are taken', () => {
  expect(faultsOf('north', 'south')).toEqual([]);
});

test('a second cloud of one name is refused', () => {
  expect(faultsOf('north', 'south', 'north')).toEqual([
    "berth.yaml: clouds.2.name: 'north' is the name of clouds.0 already; each cloud stands here once",
  ]);
});

test.each(['sim', 'declared'])('a cloud may not be called %s, as a provider of ours is', (name) => {
  expect(faultsOf(name)).toEqual([
    `berth.yaml: clouds.0.name: '${name}' is taken by Berth itself; rename the cloud in clouds.yaml and here`,
  ]);
});

test('rules for leases are read, and printed as they were written', () => {
  const rule = { match: { gpu_class: 'A100' }, max_duration: '1d', renew: 'off' };
  const parsed = parseConfig(JSON.stringify({ leases: { rules: [rule], grace: '5m' } }), 'berth.yaml');
  assert(parsed.ok, 'the rules are valid');
  expect(settingsOf(parsed.value)).toMatchObject({
    graceMs: 5 * MINUTE_MS,
    rules: [
      {
        match: { project: null, gpuClass: 'A100', role: null },
        maxDurationMs: DAY_MS,
        defaultDurationMs: null,
        renewMs: 0,
      },
    ],
  });
  expect(printable(parsed.value)).toMatchObject({ leases: { rules: [rule], grace: '5m', renew: '1h' } });
  const again = parseConfig(JSON.stringify(printable(parsed.value)), 'berth.yaml');
  expect(again).toMatchObject({ ok: true });
});

test('a rule with an unknown role or key is refused by its place', () => {
  const faults = (rule: object): unknown => {
    const parsed = parseConfig(JSON.stringify({ leases: { rules: [rule] } }), 'berth.yaml');
    return parsed.ok ? [] : parsed.error;
  };
  expect(faults({ match: { role: 'owner' } })).toEqual([
    expect.stringContaining('leases.rules.0.match.role: '),
  ]);
  expect(faults({ max_length: '1d' })).toEqual([expect.stringContaining("'leases.rules.0.max_length'")]);
  expect(faults({ renew: 'never' })).toEqual([expect.stringContaining("'never' is not a duration")]);
});

/** The faults of a cloud with these keys, and of a file with these others. */
function faultsWith(ready: string, others = ''): readonly string[] {
  const parsed = parseConfig(`clouds: [{ name: north, ready: ${ready} }]\n${others}`, 'berth.yaml');
  return parsed.ok ? [] : parsed.error;
}

test('a console text that is no regular expression is refused by its key', () => {
  expect(faultsWith("{ probe: console, console_text: 'login: $' }")).toEqual([]);
  expect(faultsWith("{ probe: console, console_text: '(login' }")).toEqual([
    expect.stringMatching(/^berth\.yaml: clouds\.0\.ready\.console_text: is no regular expression .*\(login/),
  ]);
});

test('machines that are to call need to know where', () => {
  expect(faultsWith('{ probe: phone_home }')).toEqual([
    expect.stringMatching(/^berth\.yaml: clouds\.0\.ready\.probe: phone_home needs `public_url`/),
  ]);
  expect(faultsWith('{ probe: phone_home }', 'public_url: https://berth.example.org')).toEqual([]);
  expect(faultsWith('{ probe: ssh }', 'public_url: berth.example.org')).toEqual([
    'berth.yaml: public_url: an address such as https://berth.example.org',
  ]);
});
