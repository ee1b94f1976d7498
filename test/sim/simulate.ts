/**
 * One history: the production engine, controllers, adapter, and SQLite code against the simulated cloud, on
 * a virtual clock, with faults, crashes, and people drawn from a seed. The same seed gives the same history,
 * bit for bit.
 */
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import type { LeaseId } from '../../src/base/ids.ts';
import { createPrng, type Prng } from '../../src/base/prng.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/base/units.ts';
import { startControllers, type Controllers } from '../../src/controllers/controllers.ts';
import { checkWorld } from '../../src/domain/invariants.ts';
import { totalDevices } from '../../src/domain/scheduler/free.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/domain/settings.ts';
import { World } from '../../src/domain/world.ts';
import { readEarlierUse } from '../../src/engine/earlier-use.ts';
import { Engine } from '../../src/engine/engine.ts';
import { StoreError, type StoredEvent } from '../../src/engine/ports.ts';
import { createSession } from '../../src/openstack/session.ts';
import { SimCloud } from '../../src/sim/cloud.ts';
import { drawMs, NO_FAULTS } from '../../src/sim/faults.ts';
import { createSimFetch } from '../../src/sim/sim-fetch.ts';
import { defaultTopology } from '../../src/sim/topology.ts';
import { openCore, type SqliteCore } from '../../src/store/sqlite/core.ts';
import { createDirectStore } from '../../src/store/sqlite/direct.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';
import { T0 } from '../support/worlds.ts';
import {
  checkAllGone,
  checkCloud,
  checkEvents,
  checkRecords,
  checkStored,
  checkUsage,
  DueChecker,
} from './checkers.ts';
import { checkTickets, EndChecker } from './end-checkers.ts';
import { drawPolicy, OUTAGES, topologyOf } from './mixture.ts';
import { Operator } from './operator.ts';
import { admin, COURSE_RULE, longestMs, nextAct, type Act } from './workload.ts';
import { simProvider } from '../support/sim-provider.ts';

const DEPLOYMENT_ID = 'd0d0d0d0';
const CALL_TIMEOUT_MS = 60_000;
/** Between two things that people do, on average. */
const ACT_MS_MEAN = 8 * SECOND_MS;
/** Between two crashes, and between two steps of the wall clock, on average. */
const CRASH_MS_MEAN = 15 * MINUTE_MS;
const CLOCK_STEP_MS_MEAN = 30 * MINUTE_MS;
/** Between two outages of the cloud's API, on average, and how long one lasts: some outlast a start. */
const OUTAGE_MS_MEAN = 30 * MINUTE_MS;
const OUTAGE_MS: readonly [minMs: number, maxMs: number] = [MINUTE_MS, 6 * MINUTE_MS];
/**
 * Between two looks for a machine that just comes back from its shelf, on average, and how often its host
 * fails under it then: by chance alone that hits too few for anything to be said of them.
 */
const COMEBACK_LOOK_MS_MEAN = 20 * SECOND_MS;
const COMEBACK_FAILS = 0.7;
/** Between two looks of the operator at what carries our mark and is in no book, on average. */
const TEND_MS_MEAN = 4 * MINUTE_MS;
/** How long everything may take to come to rest when nothing goes wrong any more. */
const REST_MS_MAX = 6 * HOUR_MS;
/** Reports of one history; the first says most. */
const VIOLATIONS_MAX = 10;
const SETTINGS: Settings = {
  ...DEFAULT_SETTINGS,
  leaseDurationMsMax: HOUR_MS,
  renewMs: MINUTE_MS,
  keepShelvedMs: 3 * MINUTE_MS,
  keepWarningsMs: [MINUTE_MS, 20 * SECOND_MS],
  warningsMs: [HOUR_MS, 10 * MINUTE_MS],
  rules: [COURSE_RULE],
};
/** Every other history has a grace. */
const GRACE_MS = 15 * SECOND_MS;
/**
 * How long a start may take, one of these in each history. The shortest is missed by many that nothing is
 * wrong with, so that machines which come back from the shelf have to go there again.
 */
const START_TIMEOUTS_MS = [40 * SECOND_MS, 2 * MINUTE_MS, 5 * MINUTE_MS] as const;

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
  /** Events that are about ends, by type. */
  readonly ends: Readonly<Record<string, number>>;
  readonly events: number;
}

/** What goes wrong beside the faults of the cloud. */
type OwnFault = 'crash' | 'commitRefused' | 'commitInDoubt' | 'clockStep' | 'apiOutage' | 'recordLost';

export async function simulate(seed: number, stepsMin: number): Promise<Report> {
  const history = new History(seed);
  return history.run(stepsMin);
}

class History {
  readonly #seed: number;
  readonly #clock: VirtualClock = createVirtualClock(T0);
  readonly #settings: Settings;
  readonly #prng: Prng;
  readonly #people: Prng;
  readonly #cloud: SimCloud;
  readonly #fetch: typeof fetch;
  readonly #operator: Operator;
  readonly #sqlite: SqliteCore;
  readonly #violations: string[] = [];
  readonly #faults: Record<OwnFault, number> = {
    crash: 0,
    commitRefused: 0,
    commitInDoubt: 0,
    clockStep: 0,
    apiOutage: 0,
    recordLost: 0,
  };
  readonly #gpus = new Map<LeaseId, number>();
  readonly #due = new DueChecker();
  readonly #ends = new EndChecker(longestMs);
  #engine: Engine | null = null;
  #controllers: Controllers | null = null;
  #quiet = false;

  constructor(seed: number) {
    this.#seed = seed;
    this.#prng = createPrng(seed);
    this.#people = this.#prng.fork();
    const graceMs = seed % 2 === 0 ? GRACE_MS : 0;
    this.#settings = { ...SETTINGS, graceMs, startTimeoutMs: this.#prng.pick(START_TIMEOUTS_MS) };
    const projects = [...defaultTopology.projects, { name: 'service', private_cidr: '10.30.0.0/20' }];
    this.#cloud = new SimCloud({ topology: { ...topologyOf(2 + this.#prng.below(5)), projects } });
    this.#cloud.faultPolicy = drawPolicy(this.#prng.fork());
    // Once, because a cloud's time is its own: no step of our wall clock moves it, whoever starts anew.
    this.#fetch = createSimFetch(this.#cloud, this.#clock, this.#prng.fork());
    this.#operator = new Operator(this.#cloud, this.#prng.fork(), DEPLOYMENT_ID);
    this.#sqlite = openCore(new DatabaseSync(':memory:'), { deploymentId: DEPLOYMENT_ID });
  }

  async run(stepsMin: number): Promise<Report> {
    await this.#open();
    this.#keepBusy();
    this.#keepCrashing();
    this.#keepSteppingTheClock();
    this.#keepLosingTheApi();
    this.#keepFailingComebacks();
    this.#keepTending();
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
      ends: countEnds(events),
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
      settings: this.#settings,
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
      fetch: this.#fetch,
      clock: this.#clock,
      callTimeoutMs: CALL_TIMEOUT_MS,
    });
    const provider = simProvider({ deploymentId: () => DEPLOYMENT_ID, session, clock: this.#clock });
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

  get #isFaultless(): boolean {
    return this.#cloud.faultPolicy === NO_FAULTS;
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

  /** Now and then the whole API is away for minutes; not in histories without faults. */
  #keepLosingTheApi(): void {
    if (this.#isFaultless) return;
    const policy = this.#cloud.faultPolicy;
    this.#later(OUTAGE_MS_MEAN, () => {
      this.#count('apiOutage');
      this.#cloud.faultPolicy = { ...policy, rates: { ...policy.rates, ...this.#people.pick(OUTAGES) } };
      this.#clock.setTimer(drawMs(OUTAGE_MS, this.#people), () => {
        if (!this.#quiet) this.#cloud.faultPolicy = policy;
        this.#keepLosingTheApi();
      });
    });
  }

  #keepFailingComebacks(): void {
    if (this.#isFaultless) return;
    this.#later(COMEBACK_LOOK_MS_MEAN, () => {
      const cloud = this.#cloud;
      const server = [...cloud.servers.values()].find(
        ({ taskState, shelvedImageId, host }) =>
          taskState === 'spawning' && shelvedImageId !== null && host !== null,
      );
      if (server !== undefined && this.#people.chance(COMEBACK_FAILS))
        cloud.disturb('hostDown', server.host, cloud.nowMs, this.#people);
      this.#keepFailingComebacks();
    });
  }

  #keepTending(): void {
    this.#later(TEND_MS_MEAN, () => {
      const world = this.#engine?.world;
      if (world !== undefined) {
        const act = this.#operator.tend(world, true);
        if (act !== null) this.#do(act);
        else if (this.#operator.loseOne(world)) this.#count('recordLost');
      }
      this.#keepTending();
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
      ...this.#ends.check(engine.world, engine.nowMs(), this.#clock.monotonicMs()),
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
      const world = this.#engine?.world;
      for (const lease of world?.leases.values() ?? []) {
        this.#do(admin({ type: 'lease.release', leaseId: lease.id }));
      }
      if (world !== undefined) this.#operator.tend(world, false);
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
    const store = createDirectStore(this.#sqlite);
    const { snapshot } = await store.load();
    const earlier = await readEarlierUse(store, this.#settings.timeZone, engine.nowMs());
    const loaded = new World(snapshot, this.#settings, earlier);
    const broken = [
      ...checkAllGone(engine.world, this.#cloud, DEPLOYMENT_ID),
      ...checkStored(engine.world, loaded),
      ...checkEvents(events),
      ...checkTickets(events),
      ...checkRecords(events, [...this.#gpus.keys()], this.#sqlite),
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

  #count(fault: OwnFault): void {
    this.#faults[fault] += 1;
  }
}

/** What a full run has to reach of them is in `summary.ts`. */
const END_EVENTS = [
  'lease.end_announced',
  'lease.renewed',
  'lease.grace_began',
  'lease.expired',
  'lease.ticket_used',
  'lease.keep_announced',
  'lease.keep_expired',
] as const;

const EVERY_EVENT = { limit: 1000, projectId: null, leaseId: null, type: null, newestFirst: false };

function countTransitions(events: readonly StoredEvent[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const event of events) {
    if (event.entity !== 'lease' || event.before === event.after) continue;
    const name = `${event.before ?? 'new'} → ${event.after ?? 'none'}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function countEnds(events: readonly StoredEvent[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = Object.fromEntries(END_EVENTS.map((type) => [type, 0]));
  for (const { type } of events) if (type in counts) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

function hashOf(events: readonly StoredEvent[], cloud: SimCloud): string {
  const hash = createHash('sha256');
  for (const event of events) hash.update(JSON.stringify(event));
  return hash.update(cloud.stateHash()).digest('hex');
}
