/** The engine as the server sees it: sessions, public numbers, readiness. */
import { hash, timingSafeEqual } from 'node:crypto';
import { asId, type ProviderId } from '../base/ids.ts';
import type { Json } from '../base/json.ts';
import type { Actor } from '../domain/actor.ts';
import type { Engine } from './engine.ts';
import { ReadModel } from './read-model.ts';
import { EngineSession, type Outside } from './session.ts';
import { isStarting, reasonUnpublished } from './capacity-sight.ts';
import type { EnginePort, FlavorView, PublicFlavors, Session } from './views.ts';

export interface ServiceOptions {
  readonly engine: Engine;
  /** The controllers, as far as readers see them. */
  readonly outside: Outside & {
    /** True once each provider was seen. */
    ready(): boolean;
  };
}

export class Service implements EnginePort {
  readonly #engine: Engine;
  readonly #read: ReadModel;
  readonly #outside: ServiceOptions['outside'];

  constructor(options: ServiceOptions) {
    this.#engine = options.engine;
    this.#read = new ReadModel(options.engine, () => options.outside.providers());
    this.#outside = options.outside;
  }

  get revision(): number {
    return this.#engine.revision;
  }

  nowMs(): number {
    return this.#engine.nowMs();
  }

  ready(): boolean {
    return this.#engine.stopped === null && !this.#engine.recovering && this.#outside.ready();
  }

  as(actor: Actor): Session {
    return new EngineSession(this.#engine, this.#read, this.#outside, actor);
  }

  authenticate(secret: string): Actor | 'expired' | null {
    const secretHash = hashSecret(secret);
    const token = this.#engine.world.tokensByHash.get(secretHash);
    if (token === undefined) return null;
    // The index is keyed by the hash of 256 random bits, so its timing tells nothing of a secret; this is a
    // second bolt.
    if (!timingSafeEqual(Buffer.from(secretHash), Buffer.from(token.secretHash))) return null;
    if (token.expiresAtMs <= this.nowMs()) return 'expired';
    return { kind: 'user', userId: token.name, projectId: token.projectId, role: token.role };
  }

  publicFlavors(): PublicFlavors {
    const nowMs = this.nowMs();
    const times: number[] = [];
    const unpublished = new Map<ProviderId, string>();
    const statuses = this.#outside.providers();
    for (const status of statuses) {
      const reason = reasonUnpublished(status, nowMs);
      if (reason !== null) unpublished.set(asId(status.id), reason);
      else if (status.observedAtMs !== null) times.push(status.observedAtMs);
    }
    // A report that grows in its first seconds would show capacity as lost that is only not looked at yet.
    const complete = times.length > 0 && !statuses.some(isStarting);
    const isOut = (view: FlavorView): boolean => unpublished.has(view.flavor.providerId);
    const { true: leftOut = [], false: flavors = [] } = Object.groupBy(
      this.#read.flavors(),
      (view) => `${isOut(view)}` as const,
    );
    return { flavors, leftOut, unpublished, observedAtMs: complete ? Math.min(...times) : null };
  }

  async waitForRevision(revision: number, timeoutMs: number): Promise<boolean> {
    if (this.#engine.revision >= revision) return true;
    return new Promise((resolve) => {
      const finish = (reached: boolean): void => {
        unsubscribe();
        cancel();
        resolve(reached);
      };
      const unsubscribe = this.#engine.onCommit(() => {
        if (this.#engine.revision >= revision) finish(true);
      });
      const cancel = this.#engine.clock.setTimer(timeoutMs, () => finish(false));
    });
  }

  metrics(): { readonly [name: string]: Json } {
    const { world, stats } = this.#engine;
    const leases: Record<string, number> = {};
    for (const lease of world.leases.values()) leases[lease.state.kind] = (leases[lease.state.kind] ?? 0) + 1;
    return {
      revision: this.#engine.revision,
      leases,
      queue_length: world.queue.size,
      hosts: world.hosts.size,
      open_intents: world.intents.size,
      findings: world.findings.size,
      frozen: world.control.freeze === null ? 0 : 1,
      clock_doubted: world.control.clockDoubt === null ? 0 : 1,
      commands_decided: stats.decided,
      commands_refused: stats.refused,
      commits: stats.batches,
      commit_ms_total: stats.commitMsTotal,
      reloads: stats.reloads,
      command_queue_length: this.#engine.queueLength,
    };
  }
}

/** Hex SHA-256 of a token's secret: what the store keeps. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret);
}
