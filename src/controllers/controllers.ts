/**
 * Everything that keeps the outside and the books in line, for all providers: one lease controller and one
 * observer each. Started after the engine is open, stopped before it; a crash is a stop at any moment.
 */
import type { LeaseId, ProviderId } from '../base/ids.ts';
import { SECOND_MS } from '../base/units.ts';
import type { Change } from '../domain/model/entities.ts';
import type { Core } from '../engine/core.ts';
import type { Borrower, Objection, Provider } from '../engine/ports.ts';
import type { AdoptableView, PlannedStepView, ProviderStatus } from '../engine/views.ts';
import { Auditor } from './auditor.ts';
import { mayAct, type Context, type PausePoint } from './context.ts';
import { LeaseController } from './lease-controller.ts';
import { Life } from './life.ts';
import { Observer } from './observer.ts';
import { OUTSIDE_CALLS_MAX } from './pacing.ts';
import { Retention, type RetentionOptions } from './retention.ts';
import { RestWatch } from './rest-watch.ts';
import { Sweep } from './sweep.ts';

export interface ControllerOptions {
  /** Between two polls of a provider, ms; 15 s where left out. */
  readonly pollIntervalMs?: number;
  /** Leases of one provider that are worked on at once, each with one call at a time; 16 where left out. */
  readonly callsMax?: number;
  /** `serve --mode act` was asked for: an empty store does not make Berth observe only. */
  readonly actOnEmptyStore?: boolean;
  /** What is removed in time; left out: nothing. */
  readonly retention?: RetentionOptions;
  /** For crash tests: awaited around each intent and each call. */
  readonly onPoint?: (point: PausePoint, leaseId: LeaseId) => Promise<void>;
  /** Told of what our own code should never have thrown; the work goes on later. */
  readonly onBug?: (error: unknown) => void;
}

export interface Controllers {
  /** Cancels all timers; answers that come later have no effect. */
  stop(): Promise<void>;
  /** True once a first snapshot of each provider is in the books. */
  ready(): boolean;
  providers(): readonly ProviderStatus[];
  /** What would be done outside, if it were allowed: while frozen, or only observing. */
  plannedSteps(): readonly PlannedStepView[];
  /** Servers with a Berth mark that no lease has, as the newest look at each provider shows them. */
  adoptable(): readonly AdoptableView[];
  /** See `Provider.admit`; null for a provider that is no more. */
  admit(providerId: ProviderId, borrower: Borrower): Promise<Objection | null>;
}

const KEEP_ALL: RetentionOptions = { leasesMs: null, eventsMs: null };

const POLL_INTERVAL_MS = 15 * SECOND_MS;

/** What watches and works on one provider. */
interface Post {
  readonly leases: LeaseController;
  readonly observer: Observer;
  readonly sweep: Sweep;
}

export function startControllers(
  core: Core,
  providers: readonly Provider[],
  options: ControllerOptions = {},
): Controllers {
  const life = new Life();
  const posts = new Map(providers.map((provider) => [provider.id, openPost(core, life, provider, options)]));
  const auditor = new Auditor(contextOf(core, life, options));
  auditor.start();
  const retention = new Retention(contextOf(core, life, options), options.retention ?? KEEP_ALL);
  retention.start();
  let couldAct = mayAct(core.world.control);
  const unsubscribe = core.onCommit((changes) => {
    const canAct = mayAct(core.world.control);
    dispatch(posts, canAct && !couldAct ? null : changes);
    couldAct = canAct;
  });
  for (const { observer, leases } of posts.values()) {
    leases.lookAtAll();
    observer.start();
  }
  return {
    async stop() {
      life.end();
      auditor.stop();
      retention.stop();
      unsubscribe();
      for (const { observer, leases } of posts.values()) {
        observer.stop();
        leases.stop();
      }
    },
    ready: () => [...posts.values()].every(({ observer }) => observer.hasObserved),
    providers: () => [...posts.values()].map(({ observer }) => observer.status()),
    adoptable: () => [...posts.values()].flatMap(({ sweep }) => sweep.adoptable()),
    async admit(providerId, borrower) {
      const provider = providers.find(({ id }) => id === providerId);
      return provider === undefined ? null : provider.admit(borrower);
    },
    plannedSteps: () =>
      [...posts.values()]
        .flatMap(({ leases, sweep }) => [...leases.plannedSteps(), ...sweep.plannedSteps()])
        .map(({ leaseId, step, why }) => ({ leaseId, step: step.kind, why })),
  };
}

function contextOf(core: Core, life: Life, options: ControllerOptions): Context {
  return {
    core,
    life,
    // A stream of its own: what one provider draws does not disturb the others.
    prng: core.prng.fork(),
    startedAtMs: core.nowMs(),
    onPoint: options.onPoint ?? (async () => {}),
    onBug: options.onBug ?? (() => {}),
  };
}

function openPost(core: Core, life: Life, provider: Provider, options: ControllerOptions): Post {
  const context = contextOf(core, life, options);
  const sweep = new Sweep(context, provider);
  const observer = new Observer(context, {
    provider,
    sweep,
    restWatch: new RestWatch(context, provider),
    intervalMs: options.pollIntervalMs ?? POLL_INTERVAL_MS,
    actOnEmptyStore: options.actOnEmptyStore ?? false,
  });
  const callsMax = options.callsMax ?? OUTSIDE_CALLS_MAX;
  return { sweep, observer, leases: new LeaseController(context, provider, callsMax) };
}

/** `changes` null: everything is to be looked at. */
function dispatch(posts: ReadonlyMap<ProviderId, Post>, changes: readonly Change[] | null): void {
  for (const { observer, leases } of posts.values()) {
    observer.notice(changes);
    if (changes === null) leases.lookAtAll();
  }
  for (const change of changes ?? []) {
    if (change.entity !== 'lease' || change.after === null) continue;
    posts.get(change.after.request.demand.providerId)?.leases.notice(change.after);
  }
}
