/** The client of the comparisons, the same for Berth and for Placement: loops for a given time. */
import { answer } from '../child.ts';
import { openBerth } from './berth-client.ts';
import { openPlacement } from './placement-client.ts';

export type Target =
  | { readonly kind: 'berth'; readonly url: string; readonly token: string; readonly flavor: string }
  /** `gpus`: of one claim; `limit`: of candidates in one answer. */
  | { readonly kind: 'placement'; readonly url: string; readonly gpus: number; readonly limit: number };

export interface LoadQuestion {
  readonly target: Target;
  /** `claim`: get GPUs, and give them back; `look`: ask how many are free. */
  readonly turn: 'claim' | 'look';
  /** Each has one request under way. */
  readonly clients: number;
  /** Beside them, claiming all the time, so that no two looks see the same; its claims are not counted. */
  readonly claimingBeside: number;
  readonly forMs: number;
}

export interface LoadAnswer {
  /** How long each claim, without giving back, or each look took, ms. */
  readonly tookMs: readonly number[];
  /** Of the whole run, giving back included. */
  readonly perSecond: number;
  /** Claims that were refused because somebody else was quicker, and tried again. */
  readonly conflicts: number;
}

/** One door to GPUs, with at most as many connections as there are clients. */
export interface LoadClient {
  /** Resolves once the claim is committed; the result gives it back. */
  claim(): Promise<() => Promise<void>>;
  /** Resolves with how many GPUs are free. */
  look(): Promise<number>;
  conflicts(): number;
  close(): Promise<void>;
}

answer(async ({ target, turn, clients, claimingBeside, forMs }: LoadQuestion) => {
  const connections = clients + claimingBeside;
  const client =
    target.kind === 'berth' ? openBerth(target, connections) : openPlacement(target, connections);
  const tookMs: number[] = [];
  const startMs = performance.now();
  const endMs = startMs + forMs;
  const claimOnce = async (taken: number[]): Promise<void> => {
    const fromMs = performance.now();
    const giveBack = await client.claim();
    taken.push(performance.now() - fromMs);
    await giveBack();
  };
  const lookOnce = async (): Promise<void> => {
    const fromMs = performance.now();
    if ((await client.look()) === 0) throw new Error('no GPU is free: the wrong thing was asked');
    tookMs.push(performance.now() - fromMs);
  };
  const loop = async (once: () => Promise<void>): Promise<void> => {
    while (performance.now() < endMs) await once();
  };
  await Promise.all([
    ...Array.from({ length: clients }, () => loop(turn === 'claim' ? () => claimOnce(tookMs) : lookOnce)),
    ...Array.from({ length: claimingBeside }, () => loop(() => claimOnce([]))),
  ]);
  const seconds = (performance.now() - startMs) / 1000;
  const conflicts = client.conflicts();
  await client.close();
  return { tookMs, perSecond: tookMs.length / seconds, conflicts } satisfies LoadAnswer;
});
