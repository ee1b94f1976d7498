import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createPhoneHome } from './phone-home.ts';
import { secretKey } from './secret-key.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'berth-key-'));
});

afterEach(() => rmSync(dir, { recursive: true }));

test('is made once, for its owner alone, and is the same ever after', async () => {
  const first = await secretKey(dir);
  expect(first).toHaveLength(32);
  expect(statSync(join(dir, 'secrets.key')).mode & 0o777).toBe(0o600);
  expect(await secretKey(dir)).toEqual(first);
});

test('a key that others may read, or that is none, is refused', async () => {
  await secretKey(dir);
  chmodSync(join(dir, 'secrets.key'), 0o640);
  await expect(secretKey(dir)).rejects.toThrow(/chmod 600/);
  chmodSync(join(dir, 'secrets.key'), 0o600);
  writeFileSync(join(dir, 'secrets.key'), 'short');
  await expect(secretKey(dir)).rejects.toThrow(/has 5 bytes/);
});

test('the address of a machine has a secret that is good for its lease and port alone', () => {
  const home = createPhoneHome(Buffer.alloc(32, 1), 'https://berth.example.org/gpu/');
  const url = home.url('l1', 'p1');
  const secret = url.split('/').at(-1) ?? '';
  expect(url).toBe(`https://berth.example.org/gpu/v1/phone-home/l1/${secret}`);
  expect(secret).toMatch(/^[\w-]{43}$/);
  expect(home.isValid('l1', 'p1', secret)).toBe(true);
  expect(home.isValid('l2', 'p1', secret)).toBe(false);
  expect(home.isValid('l1', 'p2', secret)).toBe(false);
  expect(home.isValid('l1', null, secret)).toBe(false);
  expect(home.isValid('l1', 'p1', `${secret}x`)).toBe(false);
  expect(home.isValid('l1', 'p1', '')).toBe(false);
  expect(createPhoneHome(Buffer.alloc(32, 2), null).isValid('l1', 'p1', secret)).toBe(false);
});
