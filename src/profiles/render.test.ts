import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { isUserData } from './mime.ts';
import { composed, MACHINE, NASTY, ref, SAMPLES } from './profiles.fixtures.ts';
import { ENCODED_CHARS_MAX, renderDocument, renderUserData, type MachineData } from './render.ts';

function rendered(data: Partial<MachineData>): string | null {
  const result = renderUserData({ ...MACHINE, ...data });
  if (!result.ok) throw new Error(result.error.message);
  return result.value?.toString() ?? null;
}

test('what a machine with a small profile is given', async () => {
  const composition = composed([ref('hello', { whom: "Ada's" })]);
  const phoneHomeUrl = 'https://berth.example.org/v1/phone-home/lease/secret';
  const text = renderDocument({ ...MACHINE, composition, phoneHomeUrl });
  await expect(text).toMatchFileSnapshot('./render.snapshot.yaml');
});

test('without profiles: a key, a call, or nothing', () => {
  expect(rendered({ sshPublicKey: null })).toBeNull();
  expect(parse(rendered({ phoneHomeUrl: 'https://b/x' }) ?? '')).toEqual({
    ssh_authorized_keys: [MACHINE.sshPublicKey],
    system_info: { default_user: { name: 'ubuntu' } },
    phone_home: { url: 'https://b/x', post: ['instance_id'], tries: 10 },
  });
});

test('equal requests give equal data', () => {
  for (const [, refs, gpus] of SAMPLES) {
    const data = { composition: composed(refs, gpus), own: '#!/bin/sh\necho ä\n' };
    expect(rendered(data)).toBe(rendered(data));
  }
});

test('values are data, for YAML and for the shell', () => {
  for (const whom of NASTY.filter((value) => !value.includes('/'))) {
    const config = parse(rendered({ composition: composed([ref('hello', { whom })]) }) ?? '');
    const files = config.write_files as readonly { path: string; content: string }[];
    const content = files.find(({ path }) => path.endsWith('/hello.env'))?.content;
    expect(content).toBe(`P_WHOM='${whom.replaceAll("'", String.raw`'\''`)}'\nP_CODE='0'\n`);
    expect(config.runcmd[0].at(-1)).toBe(`greeting ${whom}`);
  }
});

test('the secret of the machine is in a file that only root reads, and nowhere else', () => {
  const phoneHomeUrl = 'https://b/secret';
  const config = parse(rendered({ composition: composed([ref('hello')]), phoneHomeUrl }) ?? '');
  const files = config.write_files as readonly { path: string; content: string; permissions: string }[];
  const holding = files.filter(({ content }) => content.includes('secret'));
  expect(holding).toEqual([
    { path: '/var/lib/berth/url', content: `${phoneHomeUrl}\n`, permissions: '0600' },
  ]);
  expect(config.phone_home).toBeUndefined();
});

test('data that are too large are compressed, and refused where that does not help', () => {
  const compressed = renderUserData({ ...MACHINE, own: `#!/bin/sh\n# ${'x'.repeat(100_000)}\n` });
  expect(compressed.ok && compressed.value?.subarray(0, 2).toString('hex')).toBe('1f8b');
  let state = 1;
  const noise = Array.from({ length: 90_000 }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return String.fromCharCode(33 + (state % 90));
  }).join('');
  const refused = renderUserData({ ...MACHINE, own: `#!/bin/sh\n# ${noise}\n` });
  expect(refused).toMatchObject({
    ok: false,
    error: { message: expect.stringContaining(`${ENCODED_CHARS_MAX} are possible`) },
  });
});

test.each([
  ['#cloud-config\n', true],
  ['#!/bin/sh\n', true],
  ['#cloud-boothook\n', true],
  ['## template: jinja\n#cloud-config\n', true],
  ['Content-Type: multipart/mixed; boundary="x"\n\n', true],
  ['MIME-Version: 1.0\n', true],
  ['hello', false],
  ['', false],
])('%j is user data: %s', (text, wanted) => {
  expect(isUserData(text)).toBe(wanted);
});
