import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { knownClouds, openCloud } from './open-cloud.ts';
import { readCloudFiles } from './read-files.ts';
import type { Env } from './settings.ts';

const roots: string[] = [];
afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true });
});

const CLOUD = 'auth: { auth_url: http://ks, username: u, password: hunter2, project_id: p }';

test.each<[string, readonly string[], Env, string]>([
  ['the working folder', ['work/clouds.yaml', 'home/.config/openstack/clouds.yaml'], {}, 'work/clouds.yaml'],
  ['YAML before JSON', ['work/clouds.json', 'work/clouds.yml'], {}, 'work/clouds.yml'],
  [
    'JSON here before YAML there',
    ['work/clouds.json', 'home/.config/openstack/clouds.yaml'],
    {},
    'work/clouds.json',
  ],
  [
    'XDG_CONFIG_HOME before ~/.config',
    ['home/.config/openstack/clouds.yaml', 'xdg/openstack/clouds.yaml'],
    { XDG_CONFIG_HOME: '$ROOT/xdg' },
    'xdg/openstack/clouds.yaml',
  ],
  [
    'the first of XDG_CONFIG_DIRS',
    ['b/openstack/clouds.yaml', 'c/openstack/clouds.yaml'],
    { XDG_CONFIG_DIRS: '$ROOT/a:$ROOT/b:$ROOT/c' },
    'b/openstack/clouds.yaml',
  ],
  [
    'OS_CLIENT_CONFIG_FILE before all',
    ['work/clouds.yaml', 'mine'],
    { OS_CLIENT_CONFIG_FILE: '$ROOT/mine' },
    'mine',
  ],
  [
    'what cannot be read is left out',
    ['work/clouds.yaml/folder', 'work/clouds.yml'],
    { OS_CLIENT_CONFIG_FILE: '$ROOT/nowhere' },
    'work/clouds.yml',
  ],
])('the first file of clouds: %s', (_title, paths, env, found) => {
  const place = placed(Object.fromEntries(paths.map((path) => [path, '{"clouds": {}}'])), env);
  expect(readCloudFiles(place.env, place.folder)).toMatchObject({
    ok: true,
    value: { clouds: { path: join(place.root, found) }, secure: null, vendors: null },
  });
});

test('a file that the environment names and that is not there is told', () => {
  const place = placed(
    { 'work/clouds.yaml': `clouds: { c: { ${CLOUD} } }` },
    {
      OS_CLIENT_CONFIG_FILE: '/nowhere/clouds.yaml',
    },
  );
  const opened = openCloud(null, place.env, place.folder);
  expect(opened).toMatchObject({
    ok: true,
    value: { name: 'c', warnings: ['/nowhere/clouds.yaml: cannot be read, so it is not used'] },
  });
  expect(openCloud('d', place.env, place.folder)).toEqual({
    ok: false,
    error: `${place.folder}/clouds.yaml has no cloud 'd'; it has c; /nowhere/clouds.yaml cannot be read`,
  });
});

test('files that cannot be understood are problems, all of them', () => {
  const files = { 'work/clouds.yaml': 'clouds: [', 'work/secure.yaml': '- hunter2' };
  const { env, folder } = placed(files, {});
  expect(readCloudFiles(env, folder)).toEqual({
    ok: false,
    error: [
      { where: join(folder, 'clouds.yaml'), what: expect.stringMatching(/^line 1: this is no YAML/) },
      { where: join(folder, 'secure.yaml'), what: 'the file is not a map of keys to values' },
    ],
  });
  expect(knownClouds(env, folder)).toEqual([]);
});

test('a file that is far too large is not taken for clouds.yaml', () => {
  const { env, folder } = placed({ 'work/clouds.yaml': `#${'x'.repeat(1024 * 1024)}` }, {});
  expect(readCloudFiles(env, folder)).toMatchObject({ error: [{ what: 'larger than 1048576 bytes' }] });
});

test('the clouds that there are', () => {
  const files = { 'work/clouds.yaml': 'clouds: { a: {}, b: {} }', 'work/secure.yaml': 'clouds: { c: {} }' };
  const { env, folder } = placed(files, { OS_AUTH_URL: 'http://ks' });
  expect(knownClouds(env, folder)).toEqual(['a', 'b', 'c', 'envvars']);
});

test('what TLS needs is read at once', () => {
  const { env, folder, root } = placed(
    { 'work/clouds.yaml': `clouds: { c: { ${CLOUD}, cacert: ~/ca.pem } }` },
    {},
  );
  expect(openCloud('c', env, folder)).toEqual({
    ok: false,
    error: `cloud c: ${root}/home/ca.pem (cacert) cannot be read (ENOENT)`,
  });
});

interface Place {
  readonly root: string;
  readonly folder: string;
  readonly env: Env;
}

function placed(files: Readonly<Record<string, string>>, env: Env): Place {
  const root = mkdtempSync(join(tmpdir(), 'berth-clouds-'));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const filled = Object.entries(env).map(([key, value]) => [key, value?.replaceAll('$ROOT', root)]);
  return {
    root,
    folder: join(root, 'work'),
    env: { HOME: join(root, 'home'), ...(Object.fromEntries(filled) as Env) },
  };
}
