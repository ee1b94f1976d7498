/**
 * Who waits, and in which order: round-robin over projects, first come first served within one. The order is never
 * stored as a list; it follows from each project's own list and from when the project was last served, so that it
 * cannot disagree with them.
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
  /** The same, by demand. */
  readonly byDemand: Map<string, Waiting[]>;
}

/** One candidate for the next grant: the first of a project with a given demand. */
export interface Candidate {
  readonly waiting: Waiting;
  /** Turns of the round-robin before it is this project's turn for this entry. */
  readonly round: number;
}

export class QueueIndex {
  readonly #projects = new Map<ProjectId, ProjectQueue>();
  readonly #demandCounts = new Map<string, number>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(waiting: Waiting): void {
    let project = this.#projects.get(waiting.projectId);
    if (project === undefined) {
      project = { projectId: waiting.projectId, all: [], byDemand: new Map() };
      this.#projects.set(waiting.projectId, project);
    }
    insert(project.all, waiting);
    const same = project.byDemand.get(waiting.demandKey);
    if (same === undefined) project.byDemand.set(waiting.demandKey, [waiting]);
    else insert(same, waiting);
    this.#demandCounts.set(waiting.demandKey, (this.#demandCounts.get(waiting.demandKey) ?? 0) + 1);
    this.#size += 1;
  }

  remove(waiting: Waiting): void {
    const project = this.#projects.get(waiting.projectId);
    const same = project?.byDemand.get(waiting.demandKey);
    if (project === undefined || same === undefined) return;
    if (!cut(project.all, waiting.queueSeq)) return;
    cut(same, waiting.queueSeq);
    if (same.length === 0) project.byDemand.delete(waiting.demandKey);
    if (project.all.length === 0) this.#projects.delete(waiting.projectId);
    const left = (this.#demandCounts.get(waiting.demandKey) ?? 1) - 1;
    if (left === 0) this.#demandCounts.delete(waiting.demandKey);
    else this.#demandCounts.set(waiting.demandKey, left);
    this.#size -= 1;
  }

  /** The demands that anybody waits for. */
  demandKeys(): Iterable<string> {
    return this.#demandCounts.keys();
  }

  projectIds(): Iterable<ProjectId> {
    return this.#projects.keys();
  }

  ofProject(projectId: ProjectId): readonly Waiting[] {
    return this.#projects.get(projectId)?.all ?? [];
  }

  /** Per project and demand the first entry (after skipping `skip` of them): whoever is next is one of these. */
  *candidates(skip: (projectId: ProjectId, demandKey: string) => number): Iterable<Candidate> {
    for (const project of this.#projects.values()) {
      for (const [demandKey, same] of project.byDemand) {
        const waiting = same[skip(project.projectId, demandKey)];
        if (waiting !== undefined) yield { waiting, round: position(project.all, waiting.queueSeq) };
      }
    }
  }

  /** Everybody in the order of the queue, at most `limit`. `servedSeq` tells when a project was last served. */
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
    const round = position(own.all, waiting.queueSeq);
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

/** Index of the first entry with at least this number. */
function position(list: readonly Waiting[], queueSeq: number): number {
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
  else list.splice(position(list, waiting.queueSeq), 0, waiting);
}

function cut(list: Waiting[], queueSeq: number): boolean {
  const index = position(list, queueSeq);
  if (list[index]?.queueSeq !== queueSeq) return false;
  list.splice(index, 1);
  return true;
}
