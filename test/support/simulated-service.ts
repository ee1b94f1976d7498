/**
 * The whole service on a virtual clock: real engine, SQLite in memory, real OpenStack adapter, simulated
 * cloud. It can be crashed at any moment and opened again on the same store and cloud.
 */
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { asId, type LeaseId } from '../../src/base/ids.ts';
import { createPrng, type Prng } from '../../src/base/prng.ts';
import {
  startControllers,
  type ControllerOptions,
  type Controllers,
} from '../../src/controllers/controllers.ts';
import type { Command } from '../../src/domain/command.ts';
import type { Lease, LeaseStateKind } from '../../src/domain/model/lease.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/domain/settings.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { StoredEvent, Provider } from '../../src/engine/ports.ts';
import type { Outcome } from '../../src/engine/views.ts';
import { createSession, type OpenStackSession } from '../../src/openstack/session.ts';
import { SimCloud } from '../../src/sim/cloud.ts';
import { createSimFetch } from '../../src/sim/sim-fetch.ts';
import { defaultTopology, type SimTopology } from '../../src/sim/topology.ts';
import { openCore, type SqliteCore } from '../../src/store/sqlite/core.ts';
import { createDirectStore, type DirectHooks } from '../../src/store/sqlite/direct.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';
import { create, T0 } from './worlds.ts';
import { simProvider } from './sim-provider.ts';

export const CALL_TIMEOUT_MS = 60_000;
const DEPLOYMENT_ID = 'd0d0d0d0';
/** A start with everything that the simulated cloud does in its own time. */
const STATE_LIMIT_MS = 20 * 60_000;

export interface ServiceOptions {
  readonly seed?: number;
  readonly settings?: Partial<Settings>;
  readonly controllers?: ControllerOptions;
  /** The cloud and the clock of another service, whose store was lost. */
  readonly after?: SimulatedService;
  /** File of the store, which may be there already; in memory where left out. */
  readonly storePath?: string;
  /** Commits that fail, before or after they are written. */
  readonly storeHooks?: DirectHooks;
  /** Something to count or spoil what the provider answers. */
  readonly around?: (provider: Provider) => Provider;
  /** What the cloud is made of; the default one where left out. */
  readonly topology?: Partial<SimTopology>;
  /** Berth's account, with its project; an administrator where left out. */
  readonly account?: readonly [user: string, project: string];
  /** How the provider differs from an ordinary one. */
  readonly changes?: Parameters<typeof simProvider>[1];
  /** Told of each request: its method and its URL. */
  readonly onRequest?: (request: string) => void;
}

export class SimulatedService {
  readonly clock: VirtualClock;
  readonly cloud: SimCloud;
  readonly prng: Prng;
  readonly bugs: unknown[] = [];
  readonly #options: ServiceOptions;
  readonly #sqlite: SqliteCore;
  #engine: Engine | null = null;
  #controllers: Controllers | null = null;
  #session: OpenStackSession | null = null;
  #provider: Provider | null = null;

  /** Not open yet: `open` does that. */
  constructor(options: ServiceOptions = {}) {
    this.#options = options;
    const projects = [...defaultTopology.projects, { name: 'service', private_cidr: '10.30.0.0/24' }];
    this.clock = options.after?.clock ?? createVirtualClock(T0);
    this.cloud =
      options.after?.cloud ??
      new SimCloud({ topology: { ...defaultTopology, projects, ...options.topology } });
    // Another generator than the first service's: the cloud draws its ids from it.
    this.prng = createPrng(options.seed ?? (options.after === undefined ? 1 : 2));
    const deploymentId = options.after === undefined ? DEPLOYMENT_ID : 'd1d1d1d1';
    this.#sqlite = openCore(new DatabaseSync(options.storePath ?? ':memory:'), { deploymentId });
  }

  get engine(): Engine {
    return existing(this.#engine);
  }

  get controllers(): Controllers {
    return existing(this.#controllers);
  }

  get provider(): Provider {
    return existing(this.#provider);
  }

  /**
   * What somebody does to the server of a lease past Berth, e.g. `os-start`; resolves when the cloud has
   * accepted it.
   */
  async actPastBerth(name: string, action: string): Promise<void> {
    const serverId = this.lease(name)?.refs.serverId;
    if (serverId === undefined || serverId === null) throw new Error(`${name} has no server`);
    const path = `/servers/${serverId}/action`;
    const body = { [action]: null };
    let isDone = false;
    const sent = existing(this.#session)
      .send({
        service: 'compute',
        method: 'POST',
        path,
        microversion: '2.87',
        body,
        expect: [202],
        reply: z.unknown(),
      })
      .finally(() => (isDone = true));
    await this.clock.runUntil(() => isDone, CALL_TIMEOUT_MS);
    await sent;
  }

  /**
   * Starts a process on the store; resolves when it is ready. `controllers` replaces the options given at
   * first.
   */
  async open(controllers: ControllerOptions = this.#options.controllers ?? {}): Promise<this> {
    const ids = this.prng.fork();
    this.#engine = await Engine.open({
      store: createDirectStore(this.#sqlite, this.#options.storeHooks),
      clock: this.clock,
      prng: this.prng.fork(),
      ids: { next: () => ids.uuid() },
      settings: { ...DEFAULT_SETTINGS, ...this.#options.settings },
      hooks: { onError: (error) => this.bugs.push(error) },
    });
    const provider = this.#openProvider();
    this.#provider = this.#options.around?.(provider) ?? provider;
    this.#controllers = startControllers(this.#engine, [this.#provider], {
      onBug: (bug) => this.bugs.push(bug),
      ...controllers,
    });
    await this.clock.runUntil(() => this.controllers.ready(), STATE_LIMIT_MS);
    return this;
  }

  /** As when the process is killed: nothing is finished, nothing is told. */
  async crash(): Promise<void> {
    await this.controllers.stop();
    this.engine.stop('killed');
  }

  async give(command: Command): Promise<Outcome> {
    const [outcome] = await Promise.all([this.engine.command('test', command), this.clock.settle()]);
    return outcome;
  }

  /** Asks for leases of the smallest GPU flavor, one by one. */
  async borrow(names: readonly string[], more: Parameters<typeof create>[2] = {}): Promise<void> {
    for (const name of names) {
      const outcome = await this.give(create(name, 'gpu_tiny', more));
      if (!outcome.ok) throw new Error(outcome.refusal.message);
    }
  }

  lease(name: string): Lease | undefined {
    return this.engine.world.leases.get(leaseId(name));
  }

  /** Lets time go by until the lease is in the state; `ended` also stands for one that has left the world. */
  async reach(name: string, kind: LeaseStateKind, limitMs: number = STATE_LIMIT_MS): Promise<void> {
    await this.clock.runUntil(() => (this.lease(name)?.state.kind ?? 'ended') === kind, limitMs);
  }

  /** Servers, ports and floating IPs in the cloud. */
  outside(): { readonly servers: number; readonly ports: number; readonly floatingIps: number } {
    this.cloud.advance(this.clock.wallMs());
    const { servers, ports, floatingIps } = this.cloud;
    const left = [...servers.values()].filter((server) => server.vmState !== 'deleted');
    return { servers: left.length, ports: ports.size, floatingIps: floatingIps.size };
  }

  /** All events so far, oldest first. */
  async events(): Promise<readonly StoredEvent[]> {
    const query = {
      afterSeq: 0,
      limit: 10_000,
      projectId: null,
      leaseId: null,
      type: null,
      newestFirst: false,
    };
    return this.engine.store.readEvents(query);
  }

  #openProvider(): Provider {
    const [user, project] = this.#options.account ?? ['cyborg', 'service'];
    const simFetch = createSimFetch(this.cloud, this.clock, this.prng.fork());
    const session = (this.#session = createSession({
      authUrl: 'http://sim.invalid/identity',
      credentials: {
        kind: 'password',
        user: { name: user, domain: { id: 'default' } },
        password: user,
        scope: { kind: 'project', project: { name: project, domain: { id: 'default' } } },
      },
      region: null,
      interfaces: ['public'],
      fetch: (url, init) => {
        this.#options.onRequest?.(`${init.method} ${url}`);
        return simFetch(url, init);
      },
      clock: this.clock,
      callTimeoutMs: CALL_TIMEOUT_MS,
    }));
    const world = { deploymentId: () => this.engine.world.control.deploymentId, session, clock: this.clock };
    return simProvider(world, this.#options.changes);
  }
}

export function leaseId(name: string): LeaseId {
  return asId(name);
}

function existing<T>(part: T | null): T {
  if (part === null) throw new Error('the service is not open');
  return part;
}
