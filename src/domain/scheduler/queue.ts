/**
 * Who waits, and in which order: round-robin over projects, first come first served within one. The order is
 * never stored as a list; it follows from each project's own list and from when the project was last served,
 * so that it cannot disagree with them.
 */
import type { LeaseId, ProjectId } from '../../base/ids.ts';

export interface Waiting {
  readonly leaseId: LeaseId;
  readonly projectId: ProjectId;
  readonly demandKey: string;
  /** Order of arrival. */
  readonly queueSeq: number;
}

interface ProjectQueue {
  readonly projectId: ProjectId;
  /** All of the project, ascending by queueSeq. */
  readonly all: Waiting[];
}

const NOBODY: ReadonlyMap<ProjectId, readonly Waiting[]> = new Map();

export class QueueIndex {
  readonly #projects = new Map<ProjectId, ProjectQueue>();
  /** The same entries by demand, then by project. */
  readonly #demands = new Map<string, Map<ProjectId, Waiting[]>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(waiting: Waiting): void {
    const { projectId, demandKey } = waiting;
    const project = this.#projects.get(projectId);
    if (project === undefined) this.#projects.set(projectId, { projectId, all: [waiting] });
    else insert(project.all, waiting);
    let demand = this.#demands.get(demandKey);
    if (demand === undefined) {
      demand = new Map();
      this.#demands.set(demandKey, demand);
    }
    const same = demand.get(projectId);
    if (same === undefined) demand.set(projectId, [waiting]);
    else insert(same, waiting);
    this.#size += 1;
  }

  remove({ projectId, demandKey, queueSeq }: Waiting): void {
    const project = this.#projects.get(projectId);
    const demand = this.#demands.get(demandKey);
    const same = demand?.get(projectId);
    if (project === undefined || demand === undefined || same === undefined) return;
    if (!cut(project.all, queueSeq)) return;
    cut(same, queueSeq);
    if (project.all.length === 0) this.#projects.delete(projectId);
    if (same.length === 0) demand.delete(projectId);
    if (demand.size === 0) this.#demands.delete(demandKey);
    this.#size -= 1;
  }

  /** The demands that anybody waits for. */
  demandKeys(): Iterable<string> {
    return this.#demands.keys();
  }

  /** Who waits for a demand: per project, in order of arrival. */
  waitingFor(demandKey: string): ReadonlyMap<ProjectId, readonly Waiting[]> {
    return this.#demands.get(demandKey) ?? NOBODY;
  }

  /** Any one who waits for a demand; null: nobody does. */
  anyFor(demandKey: string): Waiting | null {
    for (const [first] of this.waitingFor(demandKey).values()) if (first !== undefined) return first;
    return null;
  }

  ofProject(projectId: ProjectId): readonly Waiting[] {
    return this.#projects.get(projectId)?.all ?? [];
  }

  /**
   * Everybody in the order of the queue, at most `limit`. `servedSeq` tells when a project was last served.
   */
  inOrder(servedSeq: (projectId: ProjectId) => number, limit: number): readonly Waiting[] {
    const projects = [...this.#projects.values()].toSorted((a, b) => {
      const served = servedSeq(a.projectId) - servedSeq(b.projectId);
      return served !== 0 ? served : (a.all[0]?.queueSeq ?? 0) - (b.all[0]?.queueSeq ?? 0);
    });
    const order: Waiting[] = [];
    for (let round = 0; order.length < Math.min(limit, this.#size); round++) {
      for (const project of projects) {
        const waiting = project.all[round];
        if (waiting !== undefined && order.length < limit) order.push(waiting);
      }
    }
    return order;
  }

  /** 1-based place of one entry in that order, without building it. */
  positionOf(waiting: Waiting, servedSeq: (projectId: ProjectId) => number): number {
    const own = this.#projects.get(waiting.projectId);
    if (own === undefined) return 0;
    const round = placeOf(own.all, waiting.queueSeq);
    const ownServed = servedSeq(own.projectId);
    let before = 0;
    for (const project of this.#projects.values()) {
      if (project === own) before += round;
      else {
        const served = servedSeq(project.projectId);
        const first =
          served < ownServed ||
          (served === ownServed && (project.all[0]?.queueSeq ?? 0) < (own.all[0]?.queueSeq ?? 0));
        before += Math.min(project.all.length, first ? round + 1 : round);
      }
    }
    return before + 1;
  }
}

/** Index of the first entry with at least this number, in a list ascending by it. */
export function placeOf(list: readonly Waiting[], queueSeq: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.queueSeq ?? 0) < queueSeq) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insert(list: Waiting[], waiting: Waiting): void {
  if (list.length === 0 || (list[list.length - 1]?.queueSeq ?? 0) < waiting.queueSeq) list.push(waiting);
  else list.splice(placeOf(list, waiting.queueSeq), 0, waiting);
}

function cut(list: Waiting[], queueSeq: number): boolean {
  const index = placeOf(list, queueSeq);
  if (list[index]?.queueSeq !== queueSeq) return false;
  list.splice(index, 1);
  return true;
}
