/** The cheapest change of a host after which something holds that does not hold now. */
import { compare, type Blocker, type Group } from './groups.ts';
import { slotOf } from './device.ts';
import type { Piece } from './solve.ts';
import { boardOf, unitOf, type Unit } from './units.ts';

/** A piece, and what moving cards could make of it. */
interface Movable extends Piece {
  /** Cards that could be moved away one by one, in addresses; empty: it cannot be parted. */
  readonly cards: readonly string[];
}

interface Unblock {
  readonly cost: number;
  readonly text: string;
  readonly pieces: readonly Movable[];
}

interface State {
  readonly cost: number;
  readonly texts: readonly string[];
  readonly pieces: readonly Movable[];
  /** Index of the first unblocking that may still be taken: each set of them is tried once. */
  readonly next: number;
}

/** A command; a reboot; a visit to the machine with a screwdriver. */
const COSTS = { command: 1, reboot: 2, move: 6 } as const;

/** Of what ends a blocker; `vgpu` is not ended here. */
const COST_OF: Readonly<Record<Blocker['kind'], number>> = {
  foreign: COSTS.move,
  domain: COSTS.reboot,
  vfs: COSTS.command,
  mdevs: COSTS.command,
  vgpu: COSTS.command,
};

/** Each is one run of the solver. */
const TRIES_MAX = 200;

/**
 * Sentences, each one thing to do; null: no combination that was tried is enough. Cards are never told to be
 * parted by `pcie_acs_override`, which pretends an isolation that is not there.
 */
export function cheapestChange(
  units: readonly Unit[],
  groups: readonly Group[],
  isEnough: (pieces: readonly Piece[]) => boolean,
): readonly string[] | null {
  const unblocks = unblocksOf(groups);
  let open: State[] = [{ cost: 0, texts: [], pieces: units.map(movable), next: 0 }];
  const seen = new Set<string>();
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const state = open.reduce<State | null>(
      (least, one) => (least !== null && least.cost <= one.cost ? least : one),
      null,
    );
    if (state === null) return null;
    open = open.filter((other) => other !== state);
    const mark = signature(state);
    if (seen.has(mark)) continue;
    seen.add(mark);
    if (state.texts.length > 0 && isEnough(state.pieces)) return state.texts;
    open.push(...unblocked(state, unblocks), ...parted(state));
  }
  return null;
}

function movable(unit: Unit): Movable {
  const { key, gpus, model, numaNodes, isBoard } = unit;
  const slots = new Set(gpus.map(({ address }) => slotOf(address)));
  const cards = isBoard || slots.size < gpus.length ? [] : gpus.map(({ address }) => address);
  return { key, size: gpus.length, model, numaNodes, cards };
}

function unblocked(state: State, unblocks: readonly Unblock[]): State[] {
  return unblocks.slice(state.next).map(({ cost, text, pieces }, index) => ({
    cost: state.cost + cost,
    texts: [...state.texts, text],
    pieces: [...state.pieces, ...pieces],
    next: state.next + index + 1,
  }));
}

/** One card moved out of one piece; of equal pieces only the first is tried. */
function parted(state: State): State[] {
  const tried = new Set<string>();
  return state.pieces.flatMap((piece) => {
    const kind = kindOf(piece);
    if (piece.cards.length < 2 || tried.has(kind)) return [];
    tried.add(kind);
    const [last = '', ...others] = piece.cards.toReversed();
    const text =
      `Move ${last} to a slot behind another root port (or switch port with ACS), away from ` +
      `${others.toReversed().join(', ')}; first see whether ACS in the firmware or a newer kernel parts the group`;
    const rest: Movable = { ...piece, size: piece.size - 1, cards: piece.cards.slice(0, -1) };
    const moved: Movable = { ...piece, key: last, size: 1, numaNodes: [], cards: [] };
    const pieces = [...state.pieces.filter((other) => other !== piece), rest, moved];
    return [{ cost: state.cost + COSTS.move, texts: [...state.texts, text], pieces, next: state.next }];
  });
}

function kindOf({ model, size, numaNodes, cards }: Movable): string {
  return `${model}|${size}|${numaNodes.join(',')}|${cards.length}`;
}

function signature({ pieces, next }: State): string {
  return `${next}/${pieces.map(kindOf).toSorted().join('/')}`;
}

/** What would make a unit of each group that is none now; a board is left to people. */
function unblocksOf(groups: readonly Group[]): readonly Unblock[] {
  const board = boardOf(groups);
  const single = groups.filter((group) => !board.includes(group) && group.gpus.length > 0);
  const dark = single.filter(({ verdict }) => verdict === 'no_iommu');
  const found = single.flatMap((group) => {
    const pieces = [pieceOf(group)];
    if (group.verdict === 'host_console') {
      const text = `Give away the console's card ${group.gpus.map(({ address }) => address).join(', ')} with --give-console`;
      return [{ cost: COSTS.command, text, pieces }];
    }
    if (group.verdict !== 'blocked' || group.blockers.some(({ kind }) => kind === 'vgpu')) return [];
    const cost = group.blockers.reduce((sum, { kind }) => sum + COST_OF[kind], 0);
    return [{ cost, text: group.blockers.map(fixOf).join('; '), pieces }];
  });
  if (dark.length > 0) {
    const text =
      'Enable the IOMMU (VT-d, AMD-Vi or SVM) in the firmware, boot with intel_iommu=on iommu=pt (Intel) or iommu=pt (AMD), and plan again';
    found.push({ cost: COSTS.reboot, text, pieces: dark.map(pieceOf) });
  }
  return found.toSorted((a, b) => a.cost - b.cost || compare(a.pieces[0]?.key ?? '', b.pieces[0]?.key ?? ''));
}

function fixOf({ kind, addresses }: Blocker): string {
  const list = addresses.join(', ');
  const texts: Readonly<Record<Blocker['kind'], string>> = {
    foreign: `Move ${list} to a slot in another group`,
    domain: `Turn VMD off in the firmware for the port of ${list}`,
    vfs: `Take the virtual functions of ${list} back: write 0 to sriov_numvfs`,
    mdevs: `End the vGPUs on ${list}, and take it out of [devices]enabled_mdev_types`,
    vgpu: '',
  };
  return texts[kind];
}

function pieceOf(group: Group): Movable {
  return movable(unitOf([group], false));
}
