/** From decided commands to one group commit. */
import type { Change } from '../domain/model/entities.ts';
import type { EventDraft } from '../domain/decision.ts';
import type { CommitBatch, StoredEvent } from './ports.ts';

/** Collects what one transaction will write. Numbers continue those of the last commit. */
export class BatchBuilder {
  readonly changes: Change[] = [];
  readonly events: StoredEvent[] = [];
  #revision: number;
  #eventSeq: number;

  constructor(revision: number, eventSeq: number) {
    this.#revision = revision;
    this.#eventSeq = eventSeq;
  }

  get revision(): number {
    return this.#revision;
  }

  get eventSeq(): number {
    return this.#eventSeq;
  }

  get empty(): boolean {
    return this.changes.length === 0 && this.events.length === 0;
  }

  /** Adds one decision; returns the revision that contains it. */
  add(changes: readonly Change[], events: readonly EventDraft[], atMs: number, actor: string): number {
    if (changes.length === 0 && events.length === 0) return this.#revision;
    this.changes.push(...changes);
    for (const draft of events) {
      this.#eventSeq += 1;
      this.events.push({ seq: this.#eventSeq, atMs, actor, ...draft });
    }
    this.#revision += 1;
    return this.#revision;
  }

  build(batchId: string, epoch: number, atMs: number): CommitBatch {
    return { batchId, epoch, revision: this.#revision, atMs, changes: this.changes, events: this.events };
  }
}
