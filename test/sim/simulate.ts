/**
 * One history: the production engine, controllers, adapter, and SQLite code against the simulated cloud, on
 * a virtual clock, with faults, crashes, and people drawn from a seed. The same seed gives the same history,
 * bit for bit.
 */
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { asId, type LeaseId } from '../../src/base/ids.ts';
import { createPrng, type Prng } from '../../src/base/prng.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/base/units.ts';
import { startControllers, type Controllers } from '../../src/controllers/controllers.ts';
import { checkWorld } from '../../src/domain/invariants.ts';
import { totalDevices } from '../../src/domain/scheduler/free.ts';
import { DEFAULT_SETTINGS } from '../../src/domain/settings.ts';
import { World } from '../../src/domain/world.ts';
import { Engine } from '../../src/engine/engine.ts';
import { StoreError, type StoredEvent } from '../../src/engine/ports.ts';
import { createOpenStackProvider } from '../../src/openstack/provider.ts';
import { createSession } from '../../src/openstack/session.ts';
import { SimCloud } from '../../src/sim/cloud.ts';
import { FAULT_KINDS, NO_FAULTS, type FaultPolicy } from '../../src/sim/faults.ts';
import { createSimFetch } from '../../src/sim/sim-fetch.ts';
import { defaultTopology, type SimTopology } from '../../src/sim/topology.ts';
import { openCore, type SqliteCore } from '../../src/store/sqlite/core.ts';
import { createDirectStore } from '../../src/store/sqlite/direct.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';
import { T0 } from '../support/worlds.ts';
import { checkAllGone, checkCloud, checkStored, checkUsage, DueChecker, checkEvents } from './checkers.ts';
import { admin, nextAct, type Act } from './workload.ts';

const DEPLOYMENT_ID = 'd0d0d0d0';
const CALL_TIMEOUT_MS = 60_000;
/** Between two things that people do, on average. */
const ACT_MS_MEAN = 8 * SECOND_MS;
/** Between two crashes, and between two steps of the wall clock, on average. */
const CRASH_MS_MEAN = 15 * MINUTE_MS;
const CLOCK_STEP_MS_MEAN = 30 * MINUTE_MS;
/** How long everything may take to come to rest when nothing goes wrong any more. */
const REST_MS_MAX = 6 * HOUR_MS;
/** Reports of one history; the first says most. */
const VIOLATIONS_MAX = 10;
const SETTINGS = {
  ...DEFAULT_SETTINGS,
  startTimeoutMs: 5 * MINUTE_MS,
  warningsMs: [HOUR_MS, 10 * MINUTE_MS],
};

export interface Report {
  readonly seed: number;
  readonly steps: number;
  readonly virtualMs: number;
  /** Over every event and the final cloud. */
  readonly hash: string;
  readonly violations: readonly string[];
  /** Transitions `before → after`, and faults by kind, with crashes, commit faults and clock steps. */
  readonly transitions: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly events: number;
}

export async function simulate(seed: number, stepsMin: number): Promise<Report> {
  const history = new History(seed);
  return history.run(stepsMin);
}

class History {
  readonly #seed: number;
  readonly #clock: VirtualClock = createVirtualClock(T0);
  readonly #prng: Prng;
  readonly #people: Prng;
  readonly #cloud: SimCloud;
  readonly #sqlite: SqliteCore;
  readonly #violations: string[] = [];
  readonly #faults: Record<string, number> = { crash: 0, commitRefused: 0, commitInDoubt: 0, clockStep: 0 };
  readonly #gpus = new Map<LeaseId, number>();
  readonly #due = new DueChecker();
  #engine: Engine | null = null;
  #controllers: Controllers | null = null;
  #quiet = false;

  constructor(seed: number) {
    this.#seed = seed;
    this.#prng = createPrng(seed);
    this.#people = this.#prng.fork();
    const projects = [...defaultTopology.projects, { name: 'service', private_cidr: '10.30.0.0/20' }];
    this.#cloud = new SimCloud({ topology: { ...topologyOf(2 + this.#prng.below(5)), projects } });
    this.#cloud.faultPolicy = drawPolicy(this.#prng.fork());
    this.#sqlite = openCore(new DatabaseSync(':memory:'), { deploymentId: DEPLOYMENT_ID });
  }

  async run(stepsMin: number): Promise<Report> {
    await this.#open();
    this.#keepBusy();
    this.#keepCrashing();
    this.#keepSteppingTheClock();
    const clock = this.#clock;
    await clock.runUntil(() => this.#check() || clock.firedCount >= stepsMin, 10_000 * HOUR_MS);
    await this.#comeToRest();
    const events = this.#allEvents();
    await this.#checkTheEnd(events);
    this.#controllers?.stop().catch(() => undefined);
    this.#engine?.stop();
    const report: Report = {
      seed: this.#seed,
      steps: clock.firedCount,
      virtualMs: clock.monotonicMs(),
      hash: hashOf(events, this.#cloud),
      violations: this.#violations,
      transitions: countTransitions(events),
      faults: { ...this.#cloud.faultCounts, ...this.#faults },
      events: events.length,
    };
    this.#sqlite.close();
    return report;
  }

  // ------------------------------------------------------------------------------------------------ the
  // service

  async #open(): Promise<void> {
    const { prng } = { prng: this.#prng.fork() };
    const ids = prng.fork();
    const engine = await Engine.open({
      store: createDirectStore(this.#sqlite, {
        beforeCommit: () => this.#mayRefuse(),
        afterCommit: () => this.#mayLoseReply(),
      }),
      clock: this.#clock,
      prng: prng.fork(),
      ids: { next: () => ids.uuid() },
      settings: SETTINGS,
    });
    const domain = { id: 'default' };
    const session = createSession({
      authUrl: 'http://sim.invalid/identity',
      credentials: {
        kind: 'password',
        user: { name: 'cyborg', domain },
        password: 'cyborg',
        scope: { kind: 'project', project: { name: 'service', domain } },
      },
      region: null,
      interfaces: ['public'],
      fetch: createSimFetch(this.#cloud, this.#clock, prng.fork()),
      clock: this.#clock,
      callTimeoutMs: CALL_TIMEOUT_MS,
    });
    const provider = createOpenStackProvider({
      id: asId('sim'),
      deploymentId: () => DEPLOYMENT_ID,
      session,
      clock: this.#clock,
      network: 'private',
      externalNetwork: 'public',
      image: 'ubuntu-22.04-cuda',
      user: 'ubuntu',
      sshPort: 22,
      configDrive: false,
      aliases: { 'tesla-v100': 'V100' },
      vcpuRatio: 4,
    });
    this.#engine = engine;
    this.#controllers = startControllers(engine, [provider], {
      onBug: (bug) =>
        this.#violation(
          `our own code threw: ${bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)}`,
        ),
      actOnEmptyStore: true,
    });
  }

  async #crash(): Promise<void> {
    this.#count('crash');
    const { engine, controllers } = this;
    this.#engine = null;
    this.#controllers = null;
    void controllers?.stop();
    engine?.stop('killed');
    await this.#open();
  }

  get engine(): Engine | null {
    return this.#engine;
  }

  get controllers(): Controllers | null {
    return this.#controllers;
  }

  #mayRefuse(): void {
    if (this.#quiet || !this.#prng.chance(0.002)) return;
    this.#count('commitRefused');
    throw new StoreError('refused', 'injected: the store refused the batch');
  }

  #mayLoseReply(): void {
    if (this.#quiet || !this.#prng.chance(0.002)) return;
    this.#count('commitInDoubt');
    throw new StoreError('in_doubt', 'injected: the answer to COMMIT was lost');
  }

  // ------------------------------------------------------------------------------------------------ what
  // happens

  #keepBusy(): void {
    this.#later(ACT_MS_MEAN, () => {
      const engine = this.#engine;
      const act = engine === null ? null : nextAct(engine.world, this.#people, engine.nowMs());
      if (act !== null) this.#do(act);
      this.#keepBusy();
    });
  }

  #do(act: Act): void {
    const engine = this.#engine;
    if (engine === null) return;
    engine.submit(act.actor, act.command).then(
      (outcome) => {
        if (!outcome.ok || act.command.type !== 'lease.create') return;
        for (const id of act.command.leaseIds) this.#noteGpus(engine, id);
      },
      // The engine was killed, or the commit failed: the person has no answer and asks again some day.
      () => undefined,
    );
  }

  #noteGpus(engine: Engine, id: LeaseId): void {
    const lease = engine.world.leases.get(id);
    if (lease !== undefined) this.#gpus.set(id, totalDevices(lease.request.demand.devices));
  }

  #keepCrashing(): void {
    this.#later(CRASH_MS_MEAN, () => {
      this.#crash().catch((error: unknown) =>
        this.#violation(`the service does not start: ${String(error)}`),
      );
      this.#keepCrashing();
    });
  }

  #keepSteppingTheClock(): void {
    this.#later(CLOCK_STEP_MS_MEAN, () => {
      this.#count('clockStep');
      this.#clock.stepWall(this.#prng.chance(0.5) ? HOUR_MS : -HOUR_MS);
      this.#keepSteppingTheClock();
    });
  }

  /** Exponentially distributed, and no more once the history comes to its end. */
  #later(meanMs: number, callback: () => void): void {
    const delayMs = Math.ceil(-Math.log(1 - this.#people.next()) * meanMs);
    this.#clock.setTimer(delayMs, () => {
      if (!this.#quiet) callback();
    });
  }

  // ------------------------------------------------------------------------------------------------ the
  // checkers

  /** After each step; true: something is broken, stop here. */
  #check(): boolean {
    const engine = this.#engine;
    if (engine === null) return false;
    for (const lease of engine.world.leases.values()) {
      if (!this.#gpus.has(lease.id)) this.#gpus.set(lease.id, totalDevices(lease.request.demand.devices));
    }
    const broken = [
      ...checkWorld(engine.world),
      ...checkCloud(this.#cloud, DEPLOYMENT_ID),
      ...this.#due.check(engine.world, engine.nowMs(), this.#clock.monotonicMs()),
    ];
    for (const sentence of broken) this.#violation(sentence);
    return this.#violations.length > 0;
  }

  /** Faults end, everybody returns what they have; then nothing may be left. */
  async #comeToRest(): Promise<void> {
    if (this.#violations.length > 0) return;
    this.#quiet = true;
    const clock = this.#clock;
    this.#cloud.faultPolicy = NO_FAULTS;
    for (const host of this.#cloud.hosts.keys()) this.#cloud.setHostUp(host, true, clock.monotonicMs() + T0);
    clock.stepWall(T0 + clock.monotonicMs() - clock.wallMs());
    await clock.run(2 * MINUTE_MS);
    const endMs = clock.monotonicMs() + REST_MS_MAX;
    while (clock.monotonicMs() < endMs && this.#violations.length === 0 && !this.#atRest()) {
      this.#do(admin({ type: 'service.thaw' }));
      for (const lease of this.#engine?.world.leases.values() ?? []) {
        this.#do(admin({ type: 'lease.release', leaseId: lease.id }));
      }
      await clock
        .runUntil(() => this.#check() || clock.monotonicMs() >= endMs, MINUTE_MS)
        .catch(() => undefined);
    }
  }

  #atRest(): boolean {
    const engine = this.#engine;
    return engine !== null && checkAllGone(engine.world, this.#cloud, DEPLOYMENT_ID).length === 0;
  }

  async #checkTheEnd(events: readonly StoredEvent[]): Promise<void> {
    const engine = this.#engine;
    if (engine === null || this.#violations.length > 0) return;
    const loaded = new World((await createDirectStore(this.#sqlite).load()).snapshot, SETTINGS);
    const broken = [
      ...checkAllGone(engine.world, this.#cloud, DEPLOYMENT_ID),
      ...checkStored(engine.world, loaded),
      ...checkEvents(events),
      ...checkUsage(
        events,
        (id) => this.#gpus.get(id) ?? 0,
        (id) => this.#sqlite.readLease(id)?.usedDeviceMs ?? null,
      ),
    ];
    for (const sentence of broken) this.#violation(sentence);
    try {
      this.#cloud.audit();
    } catch (error) {
      this.#violation(`the cloud contradicts itself: ${String(error)}`);
    }
  }

  /** In pages, as the store bounds one answer. */
  #allEvents(): readonly StoredEvent[] {
    const events: StoredEvent[] = [];
    for (;;) {
      const page = this.#sqlite.readEvents({ ...EVERY_EVENT, afterSeq: events.at(-1)?.seq ?? 0 });
      events.push(...page);
      if (page.length === 0) return events;
    }
  }

  #violation(sentence: string): void {
    if (this.#violations.length < VIOLATIONS_MAX) {
      this.#violations.push(`step ${this.#clock.firedCount}, ${this.#clock.monotonicMs()} ms: ${sentence}`);
    }
  }

  #count(fault: string): void {
    this.#faults[fault] = (this.#faults[fault] ?? 0) + 1;
  }
}

const EVERY_EVENT = { limit: 1000, projectId: null, leaseId: null, type: null, newestFirst: false };

/** The test cloud's topology with so many GPU hosts. */
function topologyOf(gpuHosts: number): SimTopology {
  const [pattern] = defaultTopology.hosts;
  if (pattern === undefined) return defaultTopology;
  const hosts = Array.from({ length: gpuHosts }, (_unused, index) => ({
    ...pattern,
    name: `gpu-${index + 1}`,
  }));
  const aggregates = defaultTopology.aggregates.map((aggregate) =>
    aggregate.metadata['gpu_type'] === undefined
      ? { ...aggregate, hosts: [] }
      : { ...aggregate, hosts: hosts.map(({ name }) => name) },
  );
  return { ...defaultTopology, hosts, aggregates };
}

/**
 * Each seed has its own mixture of faults; one in eight has none, so that the plain course is tried as
 * well.
 */
function drawPolicy(prng: Prng): FaultPolicy {
  if (prng.chance(0.125)) return NO_FAULTS;
  const rates: Record<string, number> = {};
  for (const kind of FAULT_KINDS) {
    // Task faults are drawn per task, the others per request, of which there are many more.
    const most = MOST[kind] ?? (TASK_LIKE.has(kind) ? 0.4 : 0.01);
    if (prng.chance(0.6)) rates[kind] = prng.next() * most;
  }
  return { ...NO_FAULTS, rates };
}

/**
 * Highest rates that differ: what is drawn with every request but must stay rare, and what finds its moment
 * seldom.
 */
const MOST: Readonly<Record<string, number>> = {
  serverDeletedElsewhere: 0.003,
  serverStoppedElsewhere: 0.003,
  serverUnshelvedElsewhere: 0.003,
  acceptedLate: 0.15,
  errorAfterEffect: 0.15,
  conflict: 0.15,
  deleteStalls: 0.95,
  forbidden: 0.02,
  unshelveIgnored: 0.9,
};

const TASK_LIKE: ReadonlySet<string> = new Set([
  'noValidHost',
  'buildHangs',
  'buildError',
  'unshelveIgnored',
  'shelveFails',
  'shelveNotOffloaded',
  'deleteStalls',
]);

function countTransitions(events: readonly StoredEvent[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const event of events) {
    if (event.entity !== 'lease' || event.before === event.after) continue;
    const name = `${event.before ?? 'new'} → ${event.after ?? 'none'}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function hashOf(events: readonly StoredEvent[], cloud: SimCloud): string {
  const hash = createHash('sha256');
  for (const event of events) hash.update(JSON.stringify(event));
  return hash.update(cloud.stateHash()).digest('hex');
}
