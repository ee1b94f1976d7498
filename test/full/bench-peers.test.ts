/** `npm run bench -- --peer …` at its smallest: it measures, and leaves nothing behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { missingPackages } from '../../bench/peers/packages.ts';
import { PLACEMENT_PROGRAMS } from '../../bench/peers/placement-server.ts';
import { untilTrue } from '../../bench/peers/stage.ts';

const MAIN = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));
const missing = missingPackages(PLACEMENT_PROGRAMS);
if (missing.length > 0) console.warn(`no Placement here: ${missing.join(', ')} are not installed`);
/** A minute on two quiet cores. */
const RUN_MS_MAX = 300_000;

interface Output {
  readonly reports: readonly {
    readonly tables: readonly { readonly title: string; readonly rows: readonly (string | number)[][] }[];
  }[];
}

let folder: string;
let child: ChildProcess | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-bench-test-'));
});

afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Resolves with the exit code and what it printed. Its temporary folders are below `folder`. */
function bench(
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly stdout: string }> {
  const started = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TMPDIR: folder },
  });
  child = started;
  let stdout = '';
  started.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  return new Promise((resolve) => started.once('close', (code) => resolve({ code, stdout })));
}

/** Programs that were started with something in `folder` in their arguments. */
function startedPrograms(): readonly string[] {
  const commands = readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
    } catch {
      return [];
    }
  });
  return commands.filter((command) => command.includes(folder));
}

test('a peer that is not there is refused with the names of those that are', async () => {
  expect((await bench('--peer', 'condor')).code).toBe(2);
});

describe.skipIf(missing.length > 0)('Placement', () => {
  test(
    'is compared, and ended afterwards',
    async () => {
      const { code, stdout } = await bench('--peer', 'placement', '--quick', '--json');
      expect(code).toBe(0);
      const { reports } = JSON.parse(stdout) as Output;
      const tables = reports.flatMap((report) => report.tables);
      expect(tables.map(({ title }) => title)).toEqual([
        'Claims: 100 hosts × 8 GPUs, one client',
        'Claims: 100 hosts × 8 GPUs, 8 clients',
        'How many are free: 100 hosts, 8 clients',
        'Several GPUs in one request, one client',
      ]);
      for (const { rows } of tables.slice(0, 3)) {
        for (const [, perSecond] of rows) expect(perSecond).toBeGreaterThan(0);
      }
      expect(startedPrograms()).toEqual([]);
      expect(readdirSync(folder)).toEqual([]);
    },
    RUN_MS_MAX,
  );

  test(
    'is ended by Ctrl-C',
    async () => {
      const ended = bench('--peer', 'placement', '--quick');
      await untilTrue(() => startedPrograms().some((command) => command.startsWith('uwsgi')), {
        what: 'Placement to be started',
        withinMs: RUN_MS_MAX,
      });
      child?.kill('SIGINT');
      expect((await ended).code).toBe(130);
      expect(startedPrograms()).toEqual([]);
      expect(existsSync(folder) && readdirSync(folder)).toEqual([]);
    },
    RUN_MS_MAX,
  );
});
