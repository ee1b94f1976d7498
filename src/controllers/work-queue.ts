import type { Clock } from '../base/clock.ts';

export interface WorkQueueOptions<Key> {
  readonly clock: Clock;
  /** Most turns that run at once. */
  readonly concurrency: number;
  /**
   * One turn of one key. Resolves with the pause before its next turn, ms; null: no more, until woken. Never
   * rejects.
   */
  readonly run: (key: Key) => Promise<number | null>;
}

type Entry =
  | { readonly kind: 'ready' }
  | { readonly kind: 'running'; wokenMeanwhile: boolean }
  | { readonly kind: 'sleeping'; readonly cancel: () => void };

/**
 * Takes one turn of each key at a time, first come, first served, and a bounded number of turns at once. Its
 * length is bounded by the number of keys: waking a key that waits already changes nothing.
 */
export class WorkQueue<Key> {
  readonly #options: WorkQueueOptions<Key>;
  readonly #entries = new Map<Key, Entry>();
  /** In order of arrival. */
  readonly #ready = new Set<Key>();
  #running = 0;
  #stopped = false;

  constructor(options: WorkQueueOptions<Key>) {
    this.#options = options;
  }

  /** A turn as soon as there is room; one more after the present one where the key is at work. */
  wake(key: Key): void {
    if (this.#stopped) return;
    const entry = this.#entries.get(key);
    if (entry?.kind === 'ready') return;
    if (entry?.kind === 'running') {
      entry.wokenMeanwhile = true;
      return;
    }
    if (entry?.kind === 'sleeping') entry.cancel();
    this.#entries.set(key, { kind: 'ready' });
    this.#ready.add(key);
    this.#pump();
  }

  stop(): void {
    this.#stopped = true;
    for (const entry of this.#entries.values()) if (entry.kind === 'sleeping') entry.cancel();
    this.#entries.clear();
    this.#ready.clear();
  }

  #pump(): void {
    for (const key of this.#ready) {
      if (this.#running >= this.#options.concurrency) return;
      this.#ready.delete(key);
      void this.#take(key);
    }
  }

  async #take(key: Key): Promise<void> {
    const entry: Entry = { kind: 'running', wokenMeanwhile: false };
    this.#entries.set(key, entry);
    this.#running += 1;
    const pauseMs = await this.#options.run(key);
    this.#running -= 1;
    if (this.#stopped) return;
    this.#entries.delete(key);
    if (entry.wokenMeanwhile || pauseMs === 0) this.wake(key);
    else if (pauseMs !== null) this.#sleep(key, pauseMs);
    this.#pump();
  }

  #sleep(key: Key, pauseMs: number): void {
    const cancel = this.#options.clock.setTimer(pauseMs, () => this.wake(key));
    this.#entries.set(key, { kind: 'sleeping', cancel });
  }
}
