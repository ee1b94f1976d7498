/**
 * From the command `berth serve` to the first `ready`, on a store of long use; and what it then takes of
 * memory.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { asId } from '../src/base/ids.ts';
import { declaredConfigSchema } from '../src/declared/config.ts';
import { createDeclaredProvider } from '../src/declared/provider.ts';
import { round, type Report } from './bench.ts';
import { startChild } from './child.ts';
import { median } from './measure.ts';
import type { MemoryAnswer } from './memory-process.ts';
import { CARDS_PER_HOST, declaredHosts, FLAVOR, makeFolder, removeFolder } from './service.ts';
import { fillStore } from './start-store.ts';

const LIVE = 10_000;
const ENDED = 100_000;
const STARTS = 3;
const READY_MS_MAX = 60_000;
const POLL_MS = 10;
const WORLD_HOSTS = 10_000;

export async function benchStart(): Promise<Report> {
  const dir = makeFolder();
  try {
    const configPath = await prepare(dir);
    const starts: { readonly readyMs: number; readonly residentMiB: number }[] = [];
    for (let start = 0; start < STARTS; start++) starts.push(await measureStart(dir, configPath));
    const readyMs = median(starts.map((start) => start.readyMs));
    const residentMiB = median(starts.map((start) => start.residentMiB));
    const world = await measureWorld();
    return {
      tables: [
        {
          title: 'Start and memory',
          head: ['', 'ready ms', 'runs', 'resident MiB'],
          rows: [
            [
              `serve, ${thousands(LIVE)} live and ${thousands(ENDED)} ended leases`,
              round(readyMs),
              starts.map((start) => round(start.readyMs)).join(' '),
              round(residentMiB),
            ],
            [
              `${thousands(WORLD_HOSTS)} hosts × ${CARDS_PER_HOST}, ${thousands(world.leases)} leases: ` +
                `both worlds ${round(world.worldsMiB)} MiB of heap`,
              '',
              '',
              round(world.residentMiB),
            ],
          ],
        },
      ],
      checks: [{ what: 'start to ready', value: readyMs / 1000, unit: 's', atMost: 3 }],
    };
  } finally {
    removeFolder(dir);
  }
}

function thousands(count: number): string {
  return count.toLocaleString('en');
}

/** The store and the configuration that names the same hosts. */
async function prepare(dir: string): Promise<string> {
  const hosts = declaredHosts(Math.ceil(LIVE / CARDS_PER_HOST));
  const flavors = [{ name: FLAVOR, vcpus: 8, memory_mib: 32_768, disk_gib: 100, gpus: { [FLAVOR]: 1 } }];
  const configPath = join(dir, 'berth.yaml');
  writeFileSync(configPath, stringify({ rate_limit: null, declared: { hosts, flavors } }));
  const config = declaredConfigSchema.parse({ hosts, flavors });
  const seen = await createDeclaredProvider({ id: asId('declared'), config }).snapshot();
  const [flavor] = seen.flavors;
  if (flavor === undefined) throw new Error('the configuration has a flavor');
  await fillStore(
    join(dir, 'data'),
    seen.hosts.map((host) => ({ ...host, drain: null })),
    flavor,
    { live: LIVE, ended: ENDED },
  );
  return configPath;
}

async function measureStart(
  dir: string,
  configPath: string,
): Promise<{ readonly readyMs: number; readonly residentMiB: number }> {
  const port = await freePort();
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const args = [
    'serve',
    '--config',
    configPath,
    '--data',
    join(dir, 'data'),
    '--listen',
    `127.0.0.1:${port}`,
  ];
  const startMs = performance.now();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    await untilReady(`http://127.0.0.1:${port}/readyz`, startMs + READY_MS_MAX, child);
    const readyMs = performance.now() - startMs;
    return { readyMs, residentMiB: residentOf(child.pid ?? 0) };
  } finally {
    const exited = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await exited;
    }
  }
}

async function untilReady(url: string, deadlineMs: number, child: ChildProcess): Promise<void> {
  while (performance.now() < deadlineMs && child.exitCode === null) {
    const status = await fetch(url).then(
      (reply) => reply.status,
      () => 0,
    );
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error('the server did not become ready');
}

/** From Linux's /proc; NaN elsewhere. */
function residentOf(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kib) / 1024;
  } catch {
    return Number.NaN;
  }
}

async function measureWorld(): Promise<MemoryAnswer> {
  const child = startChild('./memory-process.ts', ['--expose-gc']);
  try {
    return await child.ask<MemoryAnswer>({ hosts: WORLD_HOSTS });
  } finally {
    await child.stop();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
