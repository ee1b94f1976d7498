/**
 * A whole server for tests: real engine, real SQLite (in memory, without the thread), real controllers
 * against the simulated cloud, real HTTP on a free port of loopback.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { asId } from '../../src/base/ids.ts';
import { createPrng } from '../../src/base/prng.ts';
import { HOUR_MS } from '../../src/base/units.ts';
import { startControllers, type Controllers } from '../../src/controllers/controllers.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/domain/settings.ts';
import type { Role } from '../../src/domain/model/token.ts';
import type { Cloud } from '../../src/engine/clouds.ts';
import { Engine } from '../../src/engine/engine.ts';
import { hashSecret, Service } from '../../src/engine/service.ts';
import { createCloud } from '../../src/openstack/cloud.ts';
import { createSession, type OpenStackSession } from '../../src/openstack/session.ts';
import type { ServerOptions } from '../../src/server/options.ts';
import { createServer, type BerthServer } from '../../src/server/server.ts';
import { SimCloud } from '../../src/sim/cloud.ts';
import { createSimFetch } from '../../src/sim/sim-fetch.ts';
import { defaultTopology, type SimTopology } from '../../src/sim/topology.ts';
import { REALISTIC_TIMINGS, type SimTimings } from '../../src/sim/world.ts';
import { openCore } from '../../src/store/sqlite/core.ts';
import { createDirectStore } from '../../src/store/sqlite/direct.ts';
import { quietLogger } from './logger.ts';
import { simProvider } from './sim-provider.ts';
import { createCatalogue } from '../../src/profiles/catalogue.ts';

/** Everything at once, so that tests wait for conditions and not for clouds. */
const INSTANT: SimTimings = {
  ...REALISTIC_TIMINGS,
  scheduleMs: [1, 5],
  spawnMs: [5, 20],
  shelveMs: [5, 20],
  offloadMs: [1, 5],
  powerMs: [1, 5],
  deleteMs: [1, 5],
};

export interface TestServerOptions {
  readonly settings?: Partial<Settings>;
  readonly server?: Partial<ServerOptions>;
  /** Users of the simulated cloud with their roles, beside its own; the password is the name. */
  readonly accounts?: SimTopology['accounts'];
  /** A second cloud `south` that vouches for its users, and has no GPUs. */
  readonly south?: boolean;
  /** By which clouds count how long ago they spoke of a token. */
  readonly cloudClock?: Clock;
  /** That of another server, whose store was lost. */
  readonly cloud?: SimCloud;
  /** Of the new store. */
  readonly deploymentId?: string;
}

export interface TestServer {
  readonly url: string;
  readonly http: BerthServer;
  readonly engine: Engine;
  readonly service: Service;
  readonly controllers: Controllers;
  readonly cloud: SimCloud;
  /** Any host name leads to the simulated cloud. */
  readonly simFetch: typeof fetch;
  /** null: there is no second one. Its Keystone is at `http://south.invalid/identity/v3`. */
  readonly south: { readonly cloud: SimCloud; readonly simFetch: typeof fetch } | null;
  /** The secret of a new token; `expiresInMs` may be negative. */
  token(role: Role, project: string, expiresInMs?: number, name?: string): Promise<string>;
  close(): Promise<void>;
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const clock = systemClock;
  const prng = createPrng(1);
  const ids = { next: () => randomUUID() };
  const core = openCore(new DatabaseSync(':memory:'), {
    deploymentId: options.deploymentId ?? 'test00000000',
  });
  const store = createDirectStore(core);
  const settings = { ...DEFAULT_SETTINGS, ...options.settings };
  const engine = await Engine.open({ store, clock, prng, ids, settings });
  const projects = [...defaultTopology.projects, { name: 'service', private_cidr: '10.30.0.0/24' }];
  const { accounts = [] } = options;
  const topology = { ...defaultTopology, projects, accounts };
  const cloud = options.cloud ?? new SimCloud({ topology, timings: INSTANT });
  const simFetch = createSimFetch(cloud, clock, createPrng(2));
  const { session, known } = openKeystone('sim', simFetch, options.cloudClock ?? clock);
  const provider = simProvider({ deploymentId: () => engine.world.control.deploymentId, session, clock });
  const southCloud = options.south === true ? new SimCloud({ topology, timings: INSTANT }) : null;
  const south = southCloud && {
    cloud: southCloud,
    simFetch: createSimFetch(southCloud, clock, createPrng(3)),
  };
  const controllers = startControllers(engine, [provider], { pollIntervalMs: 200 });
  const service = new Service({
    engine,
    outside: controllers,
  });
  const server = await createServer({
    engine: service,
    logger: quietLogger,
    clock,
    ids,
    version: '1.2.3-test',
    openAs: null,
    clouds: south === null ? [known] : [known, openKeystone('south', south.simFetch, clock).known],
    metricsNeedToken: false,
    rateLimit: null,
    isMachineOf: () => false,
    profiles: createCatalogue([]),
    trustedProxies: [],
    tls: null,
    ...options.server,
  });
  const url = await server.listen('127.0.0.1', 0);
  await until(() => controllers.ready(), 'the first look at the cloud');
  return {
    url,
    http: server,
    engine,
    service,
    controllers,
    cloud,
    simFetch,
    south,
    async token(role, project, expiresInMs = HOUR_MS, name = `${role}-${project}`) {
      const secret = `berth_${randomBytes(32).toString('base64url')}`;
      const nowMs = engine.nowMs();
      const outcome = await engine.command('test', {
        type: 'token.create',
        token: {
          id: asId(randomUUID()),
          name,
          secretHash: hashSecret(secret),
          projectId: asId(project),
          role,
          createdAtMs: nowMs,
          createdBy: 'test',
          expiresAtMs: nowMs + expiresInMs,
        },
      });
      if (!outcome.ok) throw new Error(outcome.refusal.message);
      return secret;
    },
    async close() {
      await server.close();
      await controllers.stop();
      engine.stop();
      await store.close();
      core.close();
    },
  };
}

/** A cloud as the doors see it, and the session of Berth's account in it. */
function openKeystone(
  name: string,
  simFetch: typeof fetch,
  clock: Clock,
): { readonly session: OpenStackSession; readonly known: Cloud } {
  const authUrl = `http://${name}.invalid/identity/v3`;
  const domain = { id: 'default' };
  const session = createSession({
    authUrl,
    credentials: {
      kind: 'password',
      user: { name: 'cyborg', domain },
      password: 'cyborg',
      scope: { kind: 'project', project: { name: 'service', domain } },
    },
    region: null,
    interfaces: ['public'],
    fetch: simFetch,
    clock: systemClock,
    callTimeoutMs: 5000,
  });
  const known = createCloud({
    id: asId(name),
    authUrl,
    session,
    fetch: simFetch,
    clock,
    isBoundToProject: false,
    ownership: 'project',
    placement: 'nova',
  });
  return { session, known };
}

/** Waits for a condition, at most 10 s. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`waited 10 s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
