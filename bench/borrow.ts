/**
 * What a borrow costs the cloud, and how long Berth itself takes: each call of a cold and of a warm borrow by
 * name, and the time from `POST /v1/leases` to Nova's POST without the calls in between. The program runs as
 * an operator runs it, in front of a simulated cloud that answers at once and notes what it is asked.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { systemClock } from '../src/base/clock.ts';
import { createPrng, type Prng } from '../src/base/prng.ts';
import { createClient, type Client } from '../src/client/client.ts';
import { SimCloud } from '../src/sim/cloud.ts';
import type { SimOutcome, SimRequest } from '../src/sim/http.ts';
import { listenSimCloud } from '../src/sim/listen.ts';
import { REALISTIC_TIMINGS } from '../src/sim/world.ts';
import { round, type Report } from './bench.ts';
import { median } from './measure.ts';
import { startServe, type Served } from './serve.ts';
import { makeFolder, removeFolder } from './service.ts';

const WARM_RUNS = 20;
const REACH_MS_MAX = 30_000;
const POLL_MS = 20;
const CALLS_COLD_MAX = 10;
const CALLS_WARM_MAX = 6;
const OWN_MS_MAX = 50;

/** One request that the cloud was asked, on the clock of this process. */
interface Asked {
  readonly name: string;
  readonly atMs: number;
  /** How long its reply was held back. */
  readonly delayMs: number;
}

class NotingCloud extends SimCloud {
  readonly asked: Asked[] = [];

  override handle(request: SimRequest, nowMs: number, prng: Prng): SimOutcome {
    const atMs = performance.now();
    const outcome = super.handle(request, nowMs, prng);
    const delayMs = outcome.kind === 'hang' ? 0 : outcome.delayMs;
    this.asked.push({ name: nameOf(request), atMs, delayMs });
    return outcome;
  }
}

interface Borrowed {
  readonly calls: readonly string[];
  readonly ownMs: number;
}

export async function benchBorrow(): Promise<Report> {
  const dir = makeFolder();
  const cloud = new NotingCloud({
    timings: { ...REALISTIC_TIMINGS, scheduleMs: [10, 50], spawnMs: [50, 200], deleteMs: [50, 200] },
  });
  cloud.faultPolicy = { ...cloud.faultPolicy, replyMs: [1, 1] };
  const listener = await listenSimCloud(cloud, {
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    prng: createPrng(1),
  });
  const server = await serveInFront(dir, `${listener.url}/identity/v3`);
  try {
    const admin = createClient({ baseUrl: server.url, token: server.token });
    await admin.grantProject('admin', { project: 'demo' });
    const member = createClient({ baseUrl: server.url, token: await logIn(`${listener.url}/identity/v3`) });
    const cold = await borrow(member, cloud);
    const warm: Borrowed[] = [];
    for (let run = 0; run < WARM_RUNS; run++) warm.push(await borrow(member, cloud));
    return report(cold, warm);
  } finally {
    await server.stop();
    await listener.close();
    removeFolder(dir);
  }
}

async function borrow(client: Client, cloud: NotingCloud): Promise<Borrowed> {
  cloud.asked.length = 0;
  const fromMs = performance.now();
  const { leases } = await client.createLease({ flavor: 'gpu_tiny', duration: '1h', at_end: 'delete' });
  const id = leases[0]?.id ?? '';
  await until(async () => (await client.getLease(id)).lease.state === 'active', 'the lease to be active');
  const asked = [...cloud.asked];
  await client.releaseLease(id);
  await until(async () => (await client.getLease(id)).lease.state === 'ended', 'the lease to end');
  const created = asked.find(({ name }) => name === 'compute POST /servers');
  if (created === undefined) throw new Error('no server was made');
  const before = asked.filter(({ name, atMs }) => !isShared(name) && atMs < created.atMs);
  const inCallsMs = before.reduce((sum, { delayMs }) => sum + delayMs, 0);
  return {
    calls: asked.map(({ name }) => name).filter((name) => !isShared(name)),
    ownMs: created.atMs - fromMs - inCallsMs,
  };
}

/** What the poll of the cloud, the shared look at servers, and the check of the caller's token ask. */
const SHARED = new Set([
  'compute GET /servers/detail',
  'compute GET /flavors/detail',
  'compute GET /os-hypervisors/detail',
  'compute GET /os-aggregates',
  'network GET /ports',
  'network GET /floatingips',
  'identity GET /auth/tokens',
]);

function isShared(name: string): boolean {
  return SHARED.has(name) || name.startsWith('placement ');
}

/** `compute POST /servers`: the service, the method, and the path without version, ids and query. */
function nameOf({ method, path }: SimRequest): string {
  const [, service = '', , ...rest] = path.split('?')[0]?.split('/') ?? [];
  const words = rest.map((part) => (/^[0-9a-f]{8}-|^[0-9a-f]{32}$/.test(part) ? '{id}' : part));
  return `${service} ${method} /${words.join('/')}`;
}

function report(cold: Borrowed, warm: readonly Borrowed[]): Report {
  const calls = median(warm.map((run) => run.calls.length));
  const typical = warm.find((run) => run.calls.length === calls) ?? cold;
  const ownMs = median(warm.map((run) => run.ownMs));
  const names = [...new Set([...cold.calls, ...typical.calls])];
  const count = (run: Borrowed, name: string): number => run.calls.filter((call) => call === name).length;
  return {
    tables: [
      {
        title: 'Calls of one borrow, besides shared polling and the check of the token',
        head: ['call', 'cold', 'warm'],
        rows: [
          ...names.map((name) => [name, count(cold, name), count(typical, name)] as const),
          ['in all', cold.calls.length, calls],
        ],
      },
      {
        title: `Berth's own time from POST /v1/leases to Nova's POST, ${WARM_RUNS} warm borrows`,
        head: ['', 'ms'],
        rows: [
          ['median', round(ownMs)],
          ['longest', round(Math.max(...warm.map((run) => run.ownMs)))],
          ['cold', round(cold.ownMs)],
        ],
      },
    ],
    checks: [
      { what: 'calls of a cold borrow', value: cold.calls.length, unit: 'calls', atMost: CALLS_COLD_MAX },
      { what: 'calls of a warm borrow', value: calls, unit: 'calls', atMost: CALLS_WARM_MAX },
      { what: 'own time to the POST, p50', value: ownMs, unit: 'ms', atMost: OWN_MS_MAX },
    ],
  };
}

function serveInFront(dir: string, authUrl: string): Promise<Served> {
  const cloudsYaml = join(dir, 'clouds.yaml');
  const auth = {
    auth_url: authUrl,
    username: 'admin',
    password: 'admin',
    project_name: 'admin',
    user_domain_id: 'default',
    project_domain_id: 'default',
  };
  writeFileSync(cloudsYaml, stringify({ clouds: { admin: { auth } } }));
  const configPath = join(dir, 'berth.yaml');
  const config = { rate_limit: null, clouds: [{ name: 'admin', ready: { probe: 'none' } }] };
  writeFileSync(configPath, stringify(config));
  return startServe({ dir, configPath, env: { OS_CLIENT_CONFIG_FILE: cloudsYaml } });
}

/** A token of the simulated user `demo`, as the CLI would get it. */
async function logIn(authUrl: string): Promise<string> {
  const domain = { id: 'default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: 'demo', domain, password: 'demo' } } },
    scope: { project: { name: 'demo', domain } },
  };
  const reply = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth }),
  });
  const token = reply.headers.get('x-subject-token');
  if (token === null) throw new Error(`the simulated Keystone said ${reply.status}`);
  return token;
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + REACH_MS_MAX;
  while (performance.now() < deadlineMs) {
    if (await condition()) return;
    await pause();
  }
  throw new Error(`waited in vain for ${what}`);
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
