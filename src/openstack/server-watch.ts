/**
 * What has become of servers that Nova is working on: one list of what changed, shared by all who wait. The
 * cloud sees at most one such call per second, whatever the number of leases.
 */
import type { Clock } from '../base/clock.ts';
import { SECOND_MS } from '../base/units.ts';
import { findServer, listChangedServers, type Server } from './nova/servers.ts';
import type { OpenStackSession } from './session.ts';

/** Between the beginnings of two lists. */
const INTERVAL_MS = SECOND_MS;
/** The clocks of the computers that write Nova's `updated_at` may differ by so much. */
const OVERLAP_MS = 30 * SECOND_MS;
/** What nobody asked about for so long is forgotten; a list that reaches further back begins afresh. */
const FORGET_MS = 120 * SECOND_MS;

interface Watched {
  server: Server;
  askedAtMs: number;
}

interface Waiting {
  readonly id: string;
  resolve(server: Server | null): void;
  reject(error: unknown): void;
}

export class ServerWatch {
  readonly #session: OpenStackSession;
  readonly #clock: Clock;
  readonly #allTenants: boolean;
  readonly #watched = new Map<string, Watched>();
  #waiting: Waiting[] = [];
  #isScheduled = false;
  #beganAtMs = Number.NEGATIVE_INFINITY;
  /** Cloud's time and ours, at the newest list that was answered; null: none yet. */
  #listed: { readonly cloudMs: number; readonly atMs: number } | null = null;

  constructor(session: OpenStackSession, clock: Clock, allTenants: boolean) {
    this.#session = session;
    this.#clock = clock;
    this.#allTenants = allTenants;
  }

  /** As a list shows it that begins after this call; null: it is gone. Rejects with ProviderError. */
  see(id: string): Promise<Server | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const pauseMs = Math.max(0, this.#beganAtMs + INTERVAL_MS - this.#clock.monotonicMs());
    this.#clock.setTimer(pauseMs, () => void this.#run());
  }

  async #run(): Promise<void> {
    this.#beganAtMs = this.#clock.monotonicMs();
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      await this.#list();
      // A single look that hangs is waited for by nobody else.
      for (const each of waiting) {
        this.#one(each.id).then(
          (server) => each.resolve(server),
          (error: unknown) => each.reject(error),
        );
      }
    } catch (error) {
      for (const each of waiting) each.reject(error);
    }
    this.#isScheduled = false;
    if (this.#waiting.length > 0) this.#schedule();
  }

  async #list(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    for (const [id, { askedAtMs }] of this.#watched)
      if (nowMs - askedAtMs > FORGET_MS) this.#watched.delete(id);
    const last = this.#listed;
    const isGap = last === null || nowMs - last.atMs > FORGET_MS;
    if (isGap) this.#watched.clear();
    const cloudMs = (): number => this.#session.dateMs() ?? this.#clock.wallMs();
    const sinceMs = (isGap ? cloudMs() : last.cloudMs) - OVERLAP_MS;
    const changed = await listChangedServers(this.#session, { sinceMs, allTenants: this.#allTenants });
    this.#listed = { cloudMs: cloudMs(), atMs: nowMs };
    for (const server of changed) {
      const watched = this.#watched.get(server.id);
      if (watched === undefined) this.#watched.set(server.id, { server, askedAtMs: nowMs });
      else watched.server = server;
    }
  }

  async #one(id: string): Promise<Server | null> {
    const nowMs = this.#clock.monotonicMs();
    const watched = this.#watched.get(id);
    if (watched !== undefined) {
      watched.askedAtMs = nowMs;
      return watched.server.status === 'DELETED' ? null : watched.server;
    }
    // Nothing happened to it within the overlap.
    const server = await findServer(this.#session, id);
    const newer = this.#watched.get(id);
    if (newer !== undefined) return newer.server.status === 'DELETED' ? null : newer.server;
    if (server !== null) this.#watched.set(id, { server, askedAtMs: nowMs });
    return server;
  }
}
