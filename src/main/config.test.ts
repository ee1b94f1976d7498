import { expect, test } from 'vitest';
import { parseConfig } from './config.ts';

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
