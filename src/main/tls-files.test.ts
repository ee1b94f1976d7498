import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { keepingLogger } from '../../test/support/logger.ts';
import { DAY_MS } from '../base/units.ts';
import { CLIENT_CERT, CLIENT_KEY, SERVER_CERT, SERVER_KEY } from '../openstack/tls.fixtures.ts';
import type { TlsMaterial } from '../server/tls.ts';
import { openTlsFiles, type TlsFiles } from './tls-files.ts';

/** The certificates of the fixtures begin in November 2026 and end on 2126-10-28. */
const NOW_MS = Date.UTC(2027, 0, 1);
const END_MS = Date.UTC(2126, 9, 28);

let dir: string;
let paths: { readonly key: string; readonly cert: string };
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'berth-tls-'));
  paths = { key: join(dir, 'key.pem'), cert: join(dir, 'cert.pem') };
  write(SERVER_KEY, SERVER_CERT);
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(key: string, cert: string): void {
  writeFileSync(paths.key, key);
  chmodSync(paths.key, 0o640);
  writeFileSync(paths.cert, cert);
}

async function open(nowMs = NOW_MS) {
  const clock = createVirtualClock(nowMs);
  const { logger, kept } = keepingLogger();
  const used: TlsMaterial[] = [];
  const files: TlsFiles = await openTlsFiles(paths, { clock, logger });
  files.follow((material) => used.push(material));
  return { files, used, events: () => kept.map(({ event }) => event), kept };
}

test('a renewed certificate is used, and told once', async () => {
  const { files, used, events } = await open();
  await files.reload();
  expect(events()).toEqual([]);
  write(CLIENT_KEY, CLIENT_CERT);
  await files.reload();
  await files.reload();
  expect(used.map(({ cert }) => cert)).toEqual([CLIENT_CERT]);
  expect(events()).toEqual(['certificate_loaded']);
  files.stop();
});

test('what does not fit leaves the old one in place, is told once, and heals', async () => {
  const { files, used, kept } = await open();
  // As in the middle of a renewal: the key is new, the certificate is not yet.
  write(CLIENT_KEY, SERVER_CERT);
  await files.reload();
  await files.reload();
  expect(files.material.key).toBe(SERVER_KEY);
  expect(kept).toMatchObject([
    { event: 'certificate_refused', fields: { reason: expect.stringContaining('does not belong') } },
  ]);
  write(CLIENT_KEY, CLIENT_CERT);
  await files.reload();
  expect(used.map(({ key }) => key)).toEqual([CLIENT_KEY]);
  files.stop();
});

test('the end is told two weeks before', async () => {
  const early = await open(END_MS - 15 * DAY_MS);
  expect(early.events()).toEqual([]);
  early.files.stop();
  const late = await open(END_MS - 10 * DAY_MS);
  await late.files.reload();
  expect(late.kept).toMatchObject([{ event: 'certificate_ends_soon', fields: { days_left: 10 } }]);
  late.files.stop();
});

test.each([0o644, 0o660, 0o604, 0o641])('a key with mode %o is refused', async (mode) => {
  chmodSync(paths.key, mode);
  await expect(open()).rejects.toThrow(/others may read it; run: chmod 0640/);
});

test('a file that is not there is named with its key of the configuration', async () => {
  rmSync(paths.cert);
  await expect(open()).rejects.toThrow(/^tls\.cert .*cert\.pem cannot be read/);
});
