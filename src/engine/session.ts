/**
 * A `Session`: the engine seen with somebody's eyes. Everything that is read or given passes the door here.
 */
import type { ProjectId, ProviderId } from '../base/ids.ts';
import { authorize, hasRole, isAdminOf, maySee, maySeeLease, notFound } from '../domain/authorize.ts';
import { ambiguousFlavor, demandOf, resolveWanted, type CreateCommand } from '../domain/commands/request.ts';
import type { Actor } from '../domain/actor.ts';
import type { Command } from '../domain/command.ts';
import { refuse, type Refusal } from '../domain/decision.ts';
import { flavorsMeant } from '../domain/model/flavor.ts';
import type { EventFloor } from '../domain/model/control.ts';
import type { Role } from '../domain/model/token.ts';
import type { Lease } from '../domain/model/lease.ts';
import { NO_SETUP } from '../domain/model/setup.ts';
import { explain, type Verdict } from '../domain/scheduler/explain.ts';
import type { HostRow } from '../domain/scheduler/host-row.ts';
import { queueOrder } from '../domain/scheduler/order.ts';
import type { Engine } from './engine.ts';
import { isOfAdministered, maySeeEvent, providerOf } from './sight.ts';
import { recall } from './idempotency.ts';
import {
  ProviderError,
  type Borrower,
  type CloudCaller,
  type EventQuery,
  type Objection,
  type StoredEvent,
} from './ports.ts';
import type { ReadModel } from './read-model.ts';
import { reportUsage, type UsageQuestion, type UsageReport } from './usage.ts';
import type {
  AdoptableView,
  EventNotice,
  ExplainQuery,
  Explanation,
  FlavorView,
  Found,
  HostView,
  Idempotency,
  LeaseView,
  Outcome,
  PlannedStepView,
  ProviderStatus,
  QueueEntryView,
  Session,
  StatusView,
} from './views.ts';

/** Waiting requests that one reading of the queue shows. */
const QUEUE_SHOWN_MAX = 1000;
/** Shortest prefix of an id that is taken for it. */
const PREFIX_MIN = 4;
/** Ended leases looked at behind one prefix; those of other projects among them do not count. */
const FOUND_MAX = 16;

/** What only the controllers know. */
export interface Outside {
  providers(): readonly ProviderStatus[];
  plannedSteps(): readonly PlannedStepView[];
  adoptable(): readonly AdoptableView[];
  /** See `Provider.admit`. */
  admit(providerId: ProviderId, borrower: Borrower): Promise<Objection | null>;
}

export class EngineSession implements Session {
  readonly actor: Actor;
  readonly #engine: Engine;
  readonly #read: ReadModel;
  readonly #outside: Outside;

  constructor(engine: Engine, read: ReadModel, outside: Outside, actor: Actor) {
    this.actor = actor;
    this.#engine = engine;
    this.#read = read;
    this.#outside = outside;
  }

  async submit(
    command: Command,
    idempotency: Idempotency | null = null,
    cloud: CloudCaller | null = null,
  ): Promise<Outcome> {
    if (command.type === 'lease.create') {
      const refusal = await this.#refuseForCloud(command, cloud);
      if (refusal !== null && !this.#isAnswered(idempotency)) return { ok: false, refusal };
    }
    if (command.type === 'lease.adopt') {
      const refusal = await this.#refuseEndedId(command, idempotency);
      if (refusal !== null) return { ok: false, refusal };
    }
    return this.#engine.submit(this.actor, command, idempotency);
  }

  /**
   * What the cloud would refuse is said before anything is made. Who may not, and what is not understood, is
   * refused by the engine as ever; null also for those.
   */
  async #refuseForCloud(command: CreateCommand, cloud: CloudCaller | null): Promise<Refusal | null> {
    const { world } = this.#engine;
    const wanted = resolveWanted(world, command.wanted);
    if (wanted.kind !== 'flavor' || authorize(world, this.actor, command) !== null) return null;
    const { providerId } = wanted.flavor;
    const { ownerId: userId, projectId, image } = command;
    const isTheirs = cloud?.providerId === providerId && cloud.projectId === projectId;
    try {
      const { setup = NO_SETUP } = command;
      const borrower = { userId, projectId, image, setup, cloud: isTheirs ? cloud : null };
      const objection = await this.#outside.admit(providerId, borrower);
      if (objection === null) return null;
      return refuse('cloud_refused', objection.message, objection.fix, objection.field).refusal;
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      const fix = 'Try again in a moment; `berth status` tells the state of each cloud.';
      return refuse('cloud_unavailable', `Cloud ${providerId} does not answer: ${error.message}.`, fix)
        .refusal;
    }
  }

  status(): StatusView {
    const { world } = this.#engine;
    const leaseCounts: Record<string, number> = {};
    for (const lease of world.leases.values()) {
      if (this.#sees(lease)) leaseCounts[lease.state.kind] = (leaseCounts[lease.state.kind] ?? 0) + 1;
    }
    return {
      revision: this.#engine.revision,
      nowMs: this.#engine.nowMs(),
      control: world.control,
      leaseCounts,
      providers: this.#outside.providers(),
      plannedSteps: this.#outside.plannedSteps().filter(({ leaseId }) => this.#seesId(leaseId)),
    };
  }

  flavors(): readonly FlavorView[] {
    return this.#read.flavors();
  }

  flavor(idOrName: string): Found<FlavorView> {
    const meant = flavorsMeant(this.#engine.world.flavors, idOrName);
    if (meant.length > 1) return { ok: false, refusal: ambiguousFlavor(idOrName, meant).refusal };
    const view = this.#read.flavors().find(({ flavor }) => flavor.id === meant[0]?.id);
    return view === undefined
      ? { ok: false, refusal: notFound(`flavor '${idOrName}'`) }
      : { ok: true, value: view };
  }

  hosts(): readonly HostView[] {
    return [...this.#engine.world.hosts.values()]
      .toSorted((a, b) => (a.host.id < b.host.id ? -1 : 1))
      .map((row) => this.#hostView(row));
  }

  host(idOrName: string): Found<HostView> {
    const rows = [...this.#engine.world.hosts.values()];
    const row =
      rows.find(({ host }) => host.id === idOrName) ?? rows.find(({ host }) => host.name === idOrName);
    if (row === undefined) return { ok: false, refusal: notFound(`host '${idOrName}'`) };
    return { ok: true, value: this.#hostView(row) };
  }

  leases(projectId: ProjectId | null): readonly LeaseView[] {
    const views: LeaseView[] = [];
    for (const lease of this.#engine.world.leases.values()) {
      if (this.#sees(lease) && (projectId === null || lease.projectId === projectId))
        views.push(this.#read.lease(lease, false));
    }
    return views.toSorted(
      (a, b) => a.lease.createdAtMs - b.lease.createdAtMs || (a.lease.id < b.lease.id ? -1 : 1),
    );
  }

  async endedLeases(
    projectId: ProjectId | null,
    beforeMs: number | null,
    limit: number,
  ): Promise<readonly LeaseView[]> {
    const scope = this.#scope(projectId);
    if (scope === undefined) return [];
    const leases = await this.#engine.store.readEndedLeases({ projectId: scope, beforeMs, limit });
    return leases.map((lease) => this.#read.lease(lease, false));
  }

  async lease(id: string): Promise<Found<LeaseView>> {
    const found = this.#findLive(id);
    if (found !== null && !('refusal' in found)) return { ok: true, value: this.#read.lease(found, true) };
    if (found !== null) return { ok: false, refusal: found.refusal };
    const { store } = this.#engine;
    const exact = await store.readLease(id as Lease['id']);
    const stored =
      exact ?? (id.length < PREFIX_MIN ? null : onlyOne(await store.findLeases(id, FOUND_MAX), this.actor));
    if (stored === null || !this.#sees(stored)) return { ok: false, refusal: notFound(`lease ${id}`) };
    return { ok: true, value: this.#read.lease(stored, true) };
  }

  queue(): readonly QueueEntryView[] {
    const { world } = this.#engine;
    const forecasts = this.#read.forecasts();
    return queueOrder(world, this.#engine.nowMs(), QUEUE_SHOWN_MAX).map((waiting, index) => {
      const lease = world.leases.get(waiting.leaseId);
      const seen = lease !== undefined && this.#sees(lease);
      return {
        position: index + 1,
        leaseId: seen ? waiting.leaseId : null,
        projectId: seen ? waiting.projectId : null,
        flavorName: seen ? lease.request.flavorName : null,
        sinceMs: lease?.state.kind === 'queued' ? lease.state.sinceMs : 0,
        forecastMs: forecasts.get(waiting.leaseId) ?? null,
      };
    });
  }

  explain(query: ExplainQuery): Found<Explanation> {
    const { world } = this.#engine;
    if (!maySee(this.actor, query.projectId))
      return { ok: false, refusal: notFound(`project ${query.projectId}`) };
    const wanted = resolveWanted(world, query.wanted);
    if (wanted.kind === 'refused') return { ok: false, refusal: wanted.refusal };
    if (query.hostId !== null && !world.hosts.has(query.hostId)) {
      return {
        ok: false,
        refusal: refuse(
          'host_unknown',
          `There is no host '${query.hostId}'.`,
          'See `berth host list`.',
          'host',
        ).refusal,
      };
    }
    const demand = demandOf(wanted.flavor, query.hostId);
    const verdict = explain(
      world,
      { ...query, ownerId: ownerOf(this.actor), demand, lease: null },
      this.#engine.nowMs(),
    );
    return { ok: true, value: explanation(verdict, wanted.flavor.name) };
  }

  explainLease(id: string): Found<Explanation> {
    const found = this.#findLive(id);
    if (found === null) return { ok: false, refusal: notFound(`lease ${id} that has not ended`) };
    if ('refusal' in found) return { ok: false, refusal: found.refusal };
    const verdict = this.#read.verdict(found);
    // Who waits has others before it, and what they take is in its forecast.
    const earliestMs =
      found.state.kind === 'queued' ? (this.#read.forecasts().get(found.id) ?? null) : verdict.earliestMs;
    return { ok: true, value: explanation({ ...verdict, earliestMs }, found.request.flavorName) };
  }

  eventFloor(): EventFloor | null {
    return this.#engine.world.control.eventFloor;
  }

  async events(query: Omit<EventQuery, 'projectId'>): Promise<readonly StoredEvent[]> {
    const projectId = (await this.#administers(query.leaseId)) ? null : this.#scope(null);
    return projectId === undefined ? [] : this.#engine.store.readEvents({ ...query, projectId });
  }

  subscribe(onEvent: (notice: EventNotice) => void): () => void {
    return this.#engine.subscribe((changes, events, revision) => {
      for (const event of events) {
        if (maySeeEvent(this.actor, event) || isOfAdministered(this.actor, event, changes ?? []))
          onEvent({ event, revision });
      }
    });
  }

  async usage(question: UsageQuestion): Promise<Found<UsageReport>> {
    const projectId = this.#scope(question.projectId);
    if (projectId === undefined)
      return { ok: false, refusal: notFound(`project ${question.projectId ?? ''}`) };
    const { store, world } = this.#engine;
    return reportUsage(store, { ...question, projectId }, this.#engine.nowMs(), world.settings.timeZone);
  }

  projects(): ReturnType<Session['projects']> {
    const { world } = this.#engine;
    return {
      ok: true,
      value: [...world.projects.values()].filter((project) => maySee(this.actor, project.id)),
    };
  }

  project(id: ProjectId): ReturnType<Session['project']> {
    const { world } = this.#engine;
    const project = maySee(this.actor, id) ? world.projects.get(id) : undefined;
    if (project === undefined) return { ok: false, refusal: notFound(`project ${id}`) };
    const { months, accounts } = world;
    const month = months.at(this.#engine.nowMs());
    const use = {
      month,
      monthFromMs: months.startMs(month),
      monthUntilMs: months.startMs(month + 1),
      project: accounts.ofProject(id),
      user: accounts.ofUser({ projectId: id, ownerId: ownerOf(this.actor) }),
    };
    return { ok: true, value: { project, use } };
  }

  tokens(): ReturnType<Session['tokens']> {
    const denied = this.#needs('manager');
    if (denied !== null) return denied;
    return {
      ok: true,
      value: [...this.#engine.world.tokens.values()].filter((token) => maySee(this.actor, token.projectId)),
    };
  }

  findings(): ReturnType<Session['findings']> {
    const denied = this.#needsAnyAdmin();
    if (denied !== null) return denied;
    const { world } = this.#engine;
    const all = [...world.findings.values()];
    return {
      ok: true,
      value: all.filter(({ subject }) => isAdminOf(this.actor, providerOf(subject, world))),
    };
  }

  adoptable(): ReturnType<Session['adoptable']> {
    const denied = this.#needsAnyAdmin();
    const shown = this.#outside.adoptable().filter(({ providerId }) => isAdminOf(this.actor, providerId));
    return denied ?? { ok: true, value: shown };
  }

  /**
   * An adoption brings its own lease id. The world knows those that live; one that has ended would be
   * overwritten in the store, and the usage of one whose record is kept no longer would be in the way of its
   * own. Since neither ever lives again this look needs no lock.
   */
  async #refuseEndedId(
    command: Extract<Command, { readonly type: 'lease.adopt' }>,
    idempotency: Idempotency | null,
  ): Promise<Refusal | null> {
    const { world, store } = this.#engine;
    if (authorize(world, this.actor, command) !== null) return null;
    if (this.#isAnswered(idempotency)) return null;
    const { leaseId } = command;
    const known = await store.readLease(leaseId);
    const hasEnded =
      known === null ? (await store.readUsed([leaseId])).has(leaseId) : known.state.kind === 'ended';
    if (!hasEnded) return null;
    return refuse(
      'already_exists',
      `Lease ${leaseId} has been there before, and has ended.`,
      'Adopt it under another id: leave lease_id out, or give a new UUID (`berth adopt --lease`).',
      'lease_id',
      { lease: leaseId },
    ).refusal;
  }

  /** The request was answered before: whatever holds now, it gets that answer. */
  #isAnswered(idempotency: Idempotency | null): boolean {
    if (idempotency === null) return false;
    return recall(this.#engine.world, this.actor, idempotency, this.#engine.nowMs()) !== null;
  }

  #needs(role: Role): { readonly ok: false; readonly refusal: ReturnType<typeof refuse>['refusal'] } | null {
    if (hasRole(this.actor, role)) return null;
    return {
      ok: false,
      refusal: refuse('forbidden', `This needs the role ${role}.`, 'Use a token with that role.').refusal,
    };
  }

  /** An admin of one cloud is enough, for what is shown of that cloud. */
  #needsAnyAdmin(): { readonly ok: false; readonly refusal: Refusal } | null {
    return this.actor.kind === 'user' && this.actor.role === 'admin' ? null : this.#needs('admin');
  }

  /** Whether the lease, of any age, is in the one cloud of which the actor is an admin. */
  async #administers(leaseId: Lease['id'] | null): Promise<boolean> {
    if (leaseId === null || this.actor.kind !== 'user' || this.actor.adminOf === undefined) return false;
    const { world, store } = this.#engine;
    const lease = world.leases.get(leaseId) ?? (await store.readLease(leaseId));
    return lease !== null && isAdminOf(this.actor, lease.request.demand.providerId);
  }

  #seesId(leaseId: Lease['id']): boolean {
    const lease = this.#engine.world.leases.get(leaseId);
    return lease === undefined ? hasRole(this.actor, 'admin') : this.#sees(lease);
  }

  #sees(lease: Lease): boolean {
    return maySeeLease(this.actor, lease);
  }

  #hostView(row: HostRow): HostView {
    return this.#read.host(row, (lease) => this.#sees(lease));
  }

  /**
   * The project to which a query of the store is confined; null: all; undefined: the actor sees nothing
   * there.
   */
  #scope(projectId: ProjectId | null): ProjectId | null | undefined {
    if (hasRole(this.actor, 'admin')) return projectId;
    if (this.actor.kind !== 'user') return null;
    return projectId === null || projectId === this.actor.projectId ? this.actor.projectId : undefined;
  }

  /**
   * By id, by name, or by an unambiguous beginning of the id; null: no such live lease that the actor sees.
   */
  #findLive(id: string): Lease | { readonly refusal: ReturnType<typeof refuse>['refusal'] } | null {
    const { leases } = this.#engine.world;
    const exact = leases.get(id as Lease['id']);
    if (exact !== undefined) return this.#sees(exact) ? exact : null;
    const named = [...leases.values()].filter((lease) => lease.name === id && this.#sees(lease));
    if (named.length === 1) return named[0] ?? null;
    if (named.length > 1)
      return refuse('invalid', `${named.length} leases are named '${id}'.`, 'Give the id.', 'id');
    if (id.length < PREFIX_MIN) return null;
    let found: Lease | null = null;
    for (const lease of leases.values()) {
      if (!lease.id.startsWith(id) || !this.#sees(lease)) continue;
      if (found !== null) {
        return refuse('invalid', `'${id}' is the beginning of several ids.`, 'Give more of the id.', 'id');
      }
      found = lease;
    }
    return found;
  }
}

/** Whose leases the actor would make. */
function ownerOf(actor: Actor): string {
  return actor.kind === 'user' ? actor.userId : actor.name;
}

/** The one lease that the actor sees among those found; null: none, or several. */
function onlyOne(found: readonly Lease[], actor: Actor): Lease | null {
  const seen = found.filter((lease) => maySeeLease(actor, lease));
  return seen.length === 1 ? (seen[0] ?? null) : null;
}

function explanation(verdict: Verdict, flavorName: string): Explanation {
  return { ...verdict, flavorName };
}
