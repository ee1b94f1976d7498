import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { prepareFolder } from './folder.ts';

let parent: string;
let dir: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'berth-folder-'));
  dir = join(parent, 'data');
  mkdirSync(dir);
  // Whatever the umask.
  chmodSync(dir, 0o755);
});
afterEach(() => rmSync(parent, { recursive: true }));

const mode = (): number => statSync(dir).mode & 0o7777;

test('a new folder, an empty one, and a new disk become private', () => {
  rmSync(dir, { recursive: true });
  prepareFolder(dir);
  expect(mode()).toBe(0o700);
  chmodSync(dir, 0o755);
  mkdirSync(join(dir, 'lost+found'));
  prepareFolder(dir);
  expect(mode()).toBe(0o700);
});

test.each(['berth.sqlite', 'secrets.key'])('one with %s becomes private again', (name) => {
  writeFileSync(join(dir, name), '');
  writeFileSync(join(dir, 'notes.txt'), '');
  prepareFolder(dir);
  expect(mode()).toBe(0o700);
});

test('one that others use is refused and left as it is; a private one is taken', () => {
  writeFileSync(join(dir, 'notes.txt'), '');
  chmodSync(dir, 0o1777);
  expect(() => prepareFolder(dir)).toThrow(`chmod 700 ${dir}`);
  expect(mode()).toBe(0o1777);
  chmodSync(dir, 0o700);
  prepareFolder(dir);
});
