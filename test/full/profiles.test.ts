// Every profile as cloud-init itself sees it: valid by its schema, merged as meant, quoted as meant.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { CATALOGUE, composed, MACHINE, NASTY, ref, SAMPLES } from '../../src/profiles/profiles.fixtures.ts';
import { ENCODED_CHARS_MAX, renderUserData, type MachineData } from '../../src/profiles/render.ts';
import { askCloudInit } from './cloud-init.ts';

const URL = 'https://berth.example.org/v1/phone-home/lease/secret';

/** What people bring along, of each kind that may be composed. */
const OWN: Readonly<Record<string, string>> = {
  'nothing of their own': '',
  'cloud-config':
    '#cloud-config\nruncmd: [[echo, mine]]\nwrite_files: [{path: /mine, content: ä}]\ntimezone: Europe/Berlin\n',
  'a shell script': '#!/bin/sh\necho "mine: größer"\n',
  'several parts': [
    'Content-Type: multipart/mixed; boundary="x"',
    'MIME-Version: 1.0',
    '',
    '--x',
    'Content-Type: text/cloud-config',
    '',
    '#cloud-config',
    'runcmd: [[echo, mine]]',
    '--x',
    'Content-Type: text/x-shellscript',
    '',
    '#!/bin/sh',
    'echo mine',
    '--x--',
    '',
  ].join('\n'),
};

function rendered(data: Partial<MachineData>): Buffer {
  const result = renderUserData({ ...MACHINE, ...data });
  if (!result.ok) throw new Error(result.error.message);
  if (result.value === null) throw new Error('nothing was rendered');
  return result.value;
}

function listAt(merged: Readonly<Record<string, unknown>> | null, key: string): readonly unknown[] {
  const value = merged?.[key];
  if (!Array.isArray(value)) throw new Error(`${key} is no list`);
  return value;
}

const cases = SAMPLES.flatMap(([title, refs, gpus]) =>
  Object.entries(OWN).flatMap(([ownTitle, own]) =>
    [null, URL].map((phoneHomeUrl) => {
      const composition = composed(refs, gpus);
      const data = { composition, phoneHomeUrl, own: own === '' ? null : own };
      const where = phoneHomeUrl === null ? 'tells the console' : 'calls home';
      return { title: `${title}, ${ownTitle}, ${where}`, composition, data, userData: rendered(data) };
    }),
  ),
);

test('every profile is among the samples', () => {
  const used = new Set(
    cases.flatMap(({ composition }) => composition.chosen.map(({ profile }) => profile.name)),
  );
  expect([...used].toSorted()).toEqual([...CATALOGUE.keys()].toSorted());
  expect(cases.length).toBe(SAMPLES.length * 8);
});

describe('cloud-init', () => {
  const answers = askCloudInit(cases.map(({ userData }) => userData));

  test.each(cases.map((one, index) => [one.title, index] as const))('%s', (_title, index) => {
    const one = cases[index];
    const answer = answers[index];
    if (one === undefined || answer === undefined) throw new Error('no answer');
    const { composition, data, userData } = one;
    expect(userData.toString('base64').length).toBeLessThanOrEqual(ENCODED_CHARS_MAX);
    expect(answer.faults).toEqual([]);
    const { merged } = answer;
    expect(merged?.['ssh_authorized_keys']).toEqual([MACHINE.sshPublicKey]);
    expect(merged?.['phone_home']).toBeUndefined();
    // The steps in their order, after what the borrower runs.
    const commands = listAt(merged, 'runcmd');
    const mine = /runcmd/.test(data.own ?? '') ? [['echo', 'mine']] : [];
    expect(commands.slice(0, mine.length)).toEqual(mine);
    const steps = commands.slice(mine.length);
    expect(steps).toEqual([
      ...composition.steps.map(({ profile, title, secondsMax }, at) => [
        '/var/lib/berth/run',
        String(at + 1),
        String(composition.steps.length),
        String(secondsMax),
        profile,
        title,
      ]),
      ['/var/lib/berth/run', 'end'],
    ]);
    // The borrower's files and ours; a value that both set is the borrower's.
    const files = listAt(merged, 'write_files').map((file) => (file as { path: string }).path);
    expect(new Set(files).size).toBe(files.length);
    expect(files).toContain('/var/lib/berth/run');
    expect(files.includes('/var/lib/berth/url')).toBe(data.phoneHomeUrl !== null);
    if (data.own?.includes('timezone') === true) {
      expect(files).toContain('/mine');
      expect(merged?.['timezone']).toBe('Europe/Berlin');
    }
    const scripts = answer.types.filter((type) => type === 'text/x-shellscript').length;
    expect(scripts).toBe(/#!\/bin\/sh/.test(data.own ?? '') ? 1 : 0);
  });

  test('refuses what is wrong, so that its silence means something', () => {
    const [answer] = askCloudInit([Buffer.from('#cloud-config\nwrite_files: 7\n')]);
    expect(answer?.faults.join()).toContain('write_files');
  });

  test('its command line agrees', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-profiles-'));
    try {
      for (const [title, refs, gpus] of SAMPLES) {
        const file = path.join(folder, 'user-data');
        fs.writeFileSync(file, rendered({ composition: composed(refs, gpus) }));
        const told = execFileSync('cloud-init', ['schema', '--config-file', file], { encoding: 'utf8' });
        expect(told, title).toContain('Valid cloud-config');
      }
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  }, 120_000);

  test('gets large data compressed, and reads it', () => {
    const own = `#cloud-config\nwrite_files: [{path: /large, content: ${'x'.repeat(60_000)}}]\n`;
    const userData = rendered({ own, composition: composed([ref('cuda')]) });
    expect([...userData.subarray(0, 2)]).toEqual([0x1f, 0x8b]);
    const [answer] = askCloudInit([userData]);
    expect(answer?.faults).toEqual([]);
    expect(listAt(answer?.merged ?? null, 'runcmd').length).toBeGreaterThan(1);
  });
});

test('no value of a parameter is taken for a program, and each arrives as it was written', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-nasty-'));
  try {
    const whoms = NASTY.filter((value) => !value.includes('/'));
    expect(whoms.length).toBeGreaterThan(4);
    const datas = whoms.map((whom) => rendered({ composition: composed([ref('hello', { whom })]) }));
    for (const [index, answer] of askCloudInit(datas).entries()) {
      const whom = whoms[index] ?? '';
      const home = path.join(folder, String(index));
      fs.mkdirSync(home);
      for (const file of listAt(answer.merged, 'write_files')) {
        const { path: where, content } = file as { path: string; content: string };
        fs.writeFileSync(path.join(home, path.basename(where)), content, { mode: 0o755 });
      }
      // cloud-init's own quoting, with the folder of the runner moved.
      const shell = answer.shell.replaceAll('/var/lib/berth', home);
      const consoleFile = path.join(home, 'console');
      const env = {
        PATH: '/usr/bin:/bin',
        LC_ALL: 'C.UTF-8',
        BERTH_CONSOLE: consoleFile,
        BERTH_LOG: `${home}/log`,
      };
      fs.writeFileSync(consoleFile, '');
      execFileSync('/bin/sh', ['-c', shell], { env: { ...env }, cwd: home });
      expect(fs.readFileSync(`${home}/log`, 'utf8')).toContain(`hello ${whom}\n`);
      expect(fs.readdirSync(home)).not.toContain('owned');
    }
    expect(fs.existsSync('/tmp/owned')).toBe(false);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
