/**
 * What the generation of a card decides. Sources: NVIDIA's list of open GPU kernel modules (Turing and newer
 * only; Blackwell has no others), "Maxwell, Pascal and Volta end with driver 580", and the release notes of
 * CUDA 13.0 (offline compilation for them is removed).
 */

/** `old`: before Turing. `middle`: Turing to Hopper. `new`: Blackwell. */
export type GpuGeneration = 'old' | 'middle' | 'new';

const GENERATIONS: readonly (readonly [GpuGeneration, RegExp])[] = [
  ['new', /\b(?:B[123]00|GB[123]00|RTX[ _-]?50[5-9]0|RTX[ _-]?PRO[ _-]?\d{4})/i],
  ['old', /\b(?:V100S?|P100|P40|P4|P6|M4|M6|M10|M40|M60|K80|GTX[ _-]?(?:9|10)\d0|TITAN[ _-]?(?:V|XP?))\b/i],
  ['middle', /\b(?:T4G?|A\d{1,3}|A100X|A800|L4|L20|L40S?|H\d{2,3}|GH200|RTX|GTX[ _-]?16\d0|QUADRO[ _-]RTX)/i],
];

/** The last branch for cards before Turing, and the first for Blackwell. */
export const LAST_BRANCH_OLD = 580;
export const FIRST_BRANCH_NEW = 570;
/** From here on NVIDIA recommends the open modules for every card that has them. */
export const OPEN_FROM_BRANCH = 560;

/** By the name of a model, as clouds write it: `V100`, `nvidia_a100_80gb`, `RTX2080`; null: not recognised. */
export function generationOf(model: string): GpuGeneration | null {
  const words = model.replaceAll(/[_-]/g, ' ').replaceAll(/\b(RTX|GTX)(?=\d)/gi, '$1 ');
  for (const [generation, pattern] of GENERATIONS) if (pattern.test(words)) return generation;
  return null;
}
