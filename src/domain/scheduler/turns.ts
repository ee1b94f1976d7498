/**
 * Whose turn is it? The waiting requests of one pass in the order of the queue, found without looking at
 * all of them again after each grant: whoever is next is the first of a *slot* (a project's entries with
 * one demand), and a grant moves only the slots of the project that got it.
 */
import { Heap } from '../../base/heap.ts';
import type { ProjectId } from '../../base/ids.ts';
import { placeOf, type Waiting } from './queue.ts';
import type { World } from '../world.ts';

interface Slot {
  readonly projectId: ProjectId;
  readonly demandKey: string;
  /** Entries at the beginning that were tried in vain, or passed over. */
  passed: number;
  /** Those of them that were passed over for reasons of their own. */
  passedOver: number;
}

interface Turn {
  readonly slot: Slot;
  readonly waiting: Waiting;
  /** Turns of the round-robin before it is this project's turn for this entry. */
  readonly round: number;
  readonly served: number;
  /** Of the project when this was pushed; it is stale when the project was granted something since. */
  readonly grants: number;
}

export class Turns {
  readonly #world: World;
  readonly #slots = new Map<ProjectId, Slot[]>();
  readonly #grants = new Map<ProjectId, number>();
  readonly #heap = new Heap<Turn>(
    (a, b) =>
      a.round < b.round ||
      (a.round === b.round &&
        (a.served < b.served || (a.served === b.served && a.waiting.queueSeq < b.waiting.queueSeq))),
  );

  /** Those that wait for one of `demandKeys`. */
  constructor(world: World, demandKeys: Iterable<string>) {
    this.#world = world;
    for (const demandKey of demandKeys) {
      for (const projectId of world.queue.waitingFor(demandKey).keys()) {
        const slot = { projectId, demandKey, passed: 0, passedOver: 0 };
        const slots = this.#slots.get(projectId);
        if (slots === undefined) this.#slots.set(projectId, [slot]);
        else slots.push(slot);
        this.#push(slot);
      }
    }
  }

  /**
   * The next in order, which leaves the turns; its slot is offered again by `pass` or `granted`. null:
   * nobody.
   */
  next(): Waiting | null {
    for (let turn = this.#heap.pop(); turn !== undefined; turn = this.#heap.pop()) {
      if (turn.grants === this.#grantsOf(turn.slot.projectId)) return turn.waiting;
    }
    return null;
  }

  /** The entry was tried in vain: the one behind it in its slot is offered. */
  pass(waiting: Waiting): void {
    const slot = this.#slotOf(waiting);
    if (slot === undefined) return;
    slot.passed += 1;
    this.#push(slot);
  }

  /** As `pass`, but it says nothing of those behind it. */
  passOver(waiting: Waiting): void {
    const slot = this.#slotOf(waiting);
    if (slot !== undefined) slot.passedOver += 1;
    this.pass(waiting);
  }

  /** How many entries of the slot were tried in vain. */
  passed(waiting: Waiting): number {
    const slot = this.#slotOf(waiting);
    return slot === undefined ? 0 : slot.passed - slot.passedOver;
  }

  /** How many were passed over. */
  passedOver(waiting: Waiting): number {
    return this.#slotOf(waiting)?.passedOver ?? 0;
  }

  /** Nobody of the slot of this entry comes any more. */
  close({ projectId, demandKey }: Waiting): void {
    const slots = this.#slots.get(projectId);
    if (slots === undefined) return;
    this.#slots.set(
      projectId,
      slots.filter((slot) => slot.demandKey !== demandKey),
    );
  }

  /**
   * An entry of the project has left the queue with a host: its other entries move up, the project moves
   * back.
   */
  granted(projectId: ProjectId): void {
    this.#grants.set(projectId, this.#grantsOf(projectId) + 1);
    for (const slot of this.#slots.get(projectId) ?? []) this.#push(slot);
  }

  #slotOf({ projectId, demandKey }: Waiting): Slot | undefined {
    return this.#slots.get(projectId)?.find((each) => each.demandKey === demandKey);
  }

  #push(slot: Slot): void {
    const { queue } = this.#world;
    const { projectId } = slot;
    const waiting = queue.waitingFor(slot.demandKey).get(projectId)?.[slot.passed];
    if (waiting === undefined) return;
    const round = placeOf(queue.ofProject(projectId), waiting.queueSeq);
    const grants = this.#grantsOf(projectId);
    this.#heap.push({ slot, waiting, round, served: this.#world.servedSeq(projectId), grants });
  }

  #grantsOf(projectId: ProjectId): number {
    return this.#grants.get(projectId) ?? 0;
  }
}
