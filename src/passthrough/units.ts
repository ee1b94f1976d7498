/** What a virtual machine can get: groups that it takes whole. */
import { NVIDIA, type PciDevice } from './device.ts';
import { compare, isUsable, modelsOf, type Group } from './groups.ts';

/** One group; or, behind NVSwitches, all groups of the board, which work only together. */
export interface Unit {
  readonly key: string;
  readonly groups: readonly Group[];
  readonly gpus: readonly PciDevice[];
  /** GPUs of different models are never mixed in one machine, unless their group does. */
  readonly model: string;
  /** Known nodes of its GPUs, ascending. */
  readonly numaNodes: readonly number[];
  /** Cannot be parted by moving cards. */
  readonly isBoard: boolean;
}

/** The units that can be handed out, by key. A board with one unusable part is none. */
export function unitsOf(groups: readonly Group[]): readonly Unit[] {
  const board = boardOf(groups);
  const single = groups.filter((group) => !board.includes(group) && group.gpus.length > 0 && isUsable(group));
  const units = single.map((group) => unitOf([group], false));
  if (board.some(({ gpus }) => gpus.length > 0) && board.every(isUsable)) units.push(unitOf(board, true));
  return units.toSorted((a, b) => compare(a.key, b.key));
}

/** The groups that NVSwitches tie together; empty: there is no NVSwitch. */
export function boardOf(groups: readonly Group[]): readonly Group[] {
  if (!groups.some(({ switches }) => switches.length > 0)) return [];
  return groups.filter(
    ({ gpus, switches }) => switches.length > 0 || gpus.some(({ vendorId }) => vendorId === NVIDIA),
  );
}

export function unitOf(groups: readonly Group[], isBoard: boolean): Unit {
  const gpus = groups.flatMap((group) => group.gpus);
  const nodes = new Set(gpus.flatMap(({ numaNode }) => (numaNode === null ? [] : [numaNode])));
  return {
    key: groups.map(({ key }) => key).join(';'),
    groups,
    gpus,
    model: modelsOf(gpus),
    numaNodes: [...nodes].toSorted((a, b) => a - b),
    isBoard,
  };
}
