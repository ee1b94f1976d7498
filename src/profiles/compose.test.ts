import { describe, expect, test } from 'vitest';
import { compose, PROFILES_MAX, refText } from './compose.ts';
import { createCatalogue } from './catalogue.ts';
import { generationOf } from './gpu-generation.ts';
import { ownProfile, ownProfileSchema } from './own.ts';
import { CATALOGUE, composed, ref } from './profiles.fixtures.ts';
import type { ProfileRef } from './profile.ts';

const titles = (refs: readonly ProfileRef[], gpus: readonly string[] = []): readonly string[] =>
  composed(refs, gpus).steps.map(({ title }) => title);

function refused(refs: readonly ProfileRef[], gpus: readonly string[] = [], catalogue = CATALOGUE): string {
  const result = compose(catalogue, refs, gpus);
  if (result.ok) throw new Error('it was accepted');
  return `${result.error.message} ${result.error.fix}`;
}

describe('order', () => {
  test('what a profile requires comes before it, once, with parameters that suit it', () => {
    const { chosen } = composed([ref('cuda', { version: '13.0' }), ref('docker'), ref('gpu-burn')], ['A100']);
    expect(chosen.map(({ profile, isImplied }) => [profile.name, isImplied])).toEqual([
      ['nvidia-driver', true],
      ['cuda', false],
      ['docker', false],
      ['gpu-burn', false],
    ]);
    expect(chosen[0]?.values).toEqual({ version: '580', source: 'nvidia', kernel: 'open' });
  });

  test('what was asked for by name is taken as it was asked for', () => {
    const { chosen } = composed([ref('cuda', { version: '11.8' }), ref('nvidia-driver', { version: '470' })]);
    expect(
      chosen.map(({ profile, values, isImplied }) => [profile.name, values['version'], isImplied]),
    ).toEqual([
      ['nvidia-driver', '470', false],
      ['cuda', '11.8', false],
    ]);
  });

  test('otherwise it is the given one', () => {
    expect(titles([ref('hello'), ref('jupyter')])[0]).toBe('greeting world');
    expect(titles([ref('jupyter'), ref('hello')])[0]).toBe('installing JupyterLab 4.2.5');
  });

  test('time and space add up', () => {
    const { expectedMs, diskGiB, steps } = composed([ref('gpu-burn', { seconds: '600' })]);
    expect({ expectedMs, diskGiB }).toEqual({ expectedMs: (6 + 1 + 8 + 1) * 60_000 + 630_000, diskGiB: 16 });
    expect(steps.at(-1)?.secondsMax).toBe(2520);
  });
});

describe('cards decide', () => {
  const kernel = (version: string, gpus: readonly string[]): string | undefined =>
    composed([ref('nvidia-driver', { version })], gpus).chosen[0]?.values['kernel'];

  test.each([
    ['570', ['V100'], 'closed'],
    ['550', ['A100'], 'closed'],
    ['570', ['A100'], 'open'],
    ['570', ['B200'], 'open'],
    ['570', ['V100', 'A100'], 'closed'],
    ['570', [], 'closed'],
    ['570', ['SomethingElse'], 'closed'],
  ])('driver %s on %j has %s modules', (version, gpus, wanted) => {
    expect(kernel(version, gpus)).toBe(wanted);
  });

  test.each([
    ['V100', 'old'],
    ['tesla-v100', 'old'],
    ['GTX1080', 'old'],
    ['RTX2080', 'middle'],
    ['nvidia_a100_80gb', 'middle'],
    ['A10', 'middle'],
    ['L40S', 'middle'],
    ['H100', 'middle'],
    ['RTX5090', 'new'],
    ['B200', 'new'],
    ['xe-hpg', null],
  ])('%s is %s', (model, generation) => {
    expect(generationOf(model)).toBe(generation);
  });

  test.each([
    [
      [ref('nvidia-driver', { kernel: 'open' })],
      ['V100'],
      /V100 cannot use the open kernel modules.*kernel=closed/,
    ],
    [[ref('nvidia-driver', { version: '590' })], ['V100'], /does not drive V100: 580 is the last/],
    [[ref('nvidia-driver', { version: '550' })], ['B200'], /does not drive B200: 570 is the first/],
    [[ref('nvidia-driver', { version: '580', kernel: 'closed' })], ['RTX5090'], /only use the open/],
    [[ref('cuda', { version: '13.0' })], ['V100'], /CUDA 13.0 does not compile for V100/],
    [[ref('cuda'), ref('nvidia-driver', { version: '470' })], [], /needs the NVIDIA driver 525.*version=550/],
  ])('what does not go together, case %#', (refs, gpus, wanted) => {
    expect(refused(refs, gpus)).toMatch(wanted);
  });
});

describe('refusals name what was meant', () => {
  test.each([
    [
      [ref('cud')],
      /no profile 'cud'.*Did you mean 'cuda'\?.*nvidia-driver, cuda, docker, gpu-burn, jupyter, hello/,
    ],
    [
      [ref('cuda', { versoin: '12.4' })],
      /no parameter 'versoin'.*Did you mean 'version'\? Its parameters are version/,
    ],
    [[ref('cuda', { version: '9.0' })], /cuda: version is '9.0': it must be a version such as 12.4/],
    [[ref('cuda', { toString: 'x' })], /no parameter 'toString'/],
    [[ref('gpu-burn', { seconds: '5' })], /whole number from 10 to 3600/],
    [[ref('jupyter', { listen: 'all' })], /on all addresses needs a password.*password_hash/],
    [[ref('hello', { whom: 'a\nb' })], /one line/],
    [[ref('hello', { whom: 'x'.repeat(513) })], /more than 512 characters/],
    [[ref('cuda'), ref('cuda')], /Profile cuda is named twice/],
  ])('case %#', (refs, wanted) => {
    expect(refused(refs)).toMatch(wanted);
  });
});

describe('profiles of the configuration', () => {
  const own = (fields: object) =>
    ownProfile(ownProfileSchema.parse({ summary: 'x', steps: [{ title: 'x', script: 'true' }], ...fields }));

  test('may require, exclude, and contradict', () => {
    const circle = createCatalogue([
      own({ name: 'a', requires: ['b'] }),
      own({ name: 'b', requires: ['a'] }),
    ]);
    expect(refused([ref('a')], [], circle)).toMatch(/require each other: a → b → a/);
    const rivals = createCatalogue([own({ name: 'a', conflicts: ['docker'] })]);
    expect(refused([ref('a'), ref('docker')], [], rivals)).toMatch(/a and docker cannot be on the same/);
    const zones = ['UTC', 'Europe/Berlin'].map((timezone, index) =>
      own({ name: `z${index}`, cloud_config: { timezone } }),
    );
    expect(refused([ref('z0'), ref('z1')], [], createCatalogue(zones))).toMatch(/different things.*timezone/);
    const lacking = createCatalogue([own({ name: 'a', requires: ['cudda'] })]);
    expect(refused([ref('a')], [], lacking)).toMatch(/Did you mean 'cuda'/);
    const many = Array.from({ length: PROFILES_MAX + 1 }, (_, index) => own({ name: `p${index}` }));
    expect(
      refused(
        many.map(({ name }) => ref(name)),
        [],
        createCatalogue(many),
      ),
    ).toMatch(/17 profiles are too many/);
  });

  test('have titles in which only their parameters stand for something', () => {
    const steps = [{ title: '{size} of {constructor} in {nothing}', script: 'true' }];
    const catalogue = createCatalogue([
      own({ name: 'a', parameters: { size: { help: 'x', default: '7' } }, steps }),
    ]);
    const result = compose(catalogue, [ref('a')], []);
    expect(result.ok && result.value.steps.map(({ title }) => title)).toEqual([
      '7 of {constructor} in {nothing}',
    ]);
  });

  test('replace one of Berth by its name', () => {
    const catalogue = createCatalogue([own({ name: 'docker', steps: [{ title: 'ours', script: 'true' }] })]);
    const result = compose(catalogue, [ref('docker')], []);
    expect(result.ok && result.value.steps.map(({ title }) => title)).toEqual(['ours']);
  });

  test.each([
    [{ cloud_config: { runcmd: ['x'] } }, 'use `steps`'],
    [{ cloud_config: { power_state: {} } }, 'set by Berth itself'],
    [{ name: 'Große' }, 'small letters'],
    [{ parameters: { v: { help: 'x', pattern: '(' } } }, 'no regular expression'],
    [{ parameters: { v: { help: 'x', default: 'a', choices: ['b'] } } }, 'does not pass its own check'],
    [{ steps: [{ title: 'x', script: 'true', expected: '2h' }] }, 'at most 1h'],
    [{ requiers: [] }, 'Unrecognized key'],
  ])('are checked, case %#', (fields, wanted) => {
    expect(() => own({ name: 'a', ...fields })).toThrow(wanted);
  });
});

test('a reference is written as on the command line', () => {
  expect(refText(ref('nvidia-driver', { version: '550', kernel: 'open' }))).toBe(
    'nvidia-driver:version=550,kernel=open',
  );
  expect(refText(ref('docker'))).toBe('docker');
});
