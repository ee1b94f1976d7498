/**
 * Checks the world against its own invariants while it is in use: what tests and simulations check after each
 * step, an operator should hear of, too. It repairs nothing; a broken invariant is a defect of Berth.
 */
import { checkWorld } from '../domain/invariants.ts';
import { MINUTE_MS } from '../base/units.ts';
import { EngineError } from '../engine/engine-types.ts';
import { StoreError } from '../engine/ports.ts';
import type { Context } from './context.ts';
import { replaceFindings } from './findings.ts';
import { withJitter } from './pacing.ts';

const NAME = 'auditor';
const CODE = 'invariant_broken' as const;
const INTERVAL_MS = 10 * MINUTE_MS;
/** A large world is checked less often, so that checking takes a thousandth of the time at most. */
const PAUSE_PER_COST = 1000;
/** Leases that are compared with their records of usage in one audit: one short look at the store. */
const RECORDED_MAX = 1000;
/** Sentences that one finding tells; the rest is counted. */
const TOLD_MAX = 5;

export class Auditor {
  readonly #context: Context;
  #cancelTimer: (() => void) | null = null;
  /** Which of the leases is compared with its records next. */
  #next = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  start(): void {
    this.#auditIn(INTERVAL_MS);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #auditIn(pauseMs: number): void {
    const { core, prng } = this.#context;
    this.#cancelTimer = core.clock.setTimer(withJitter(pauseMs, prng), () => {
      void this.#audit().catch((error: unknown) => {
        // What could not be committed is told by the next audit.
        if (!(error instanceof EngineError || error instanceof StoreError)) this.#context.onBug(error);
      });
    });
  }

  /** I5: the records of usage say what the leases' own books say; of some leases, others the next time. */
  async #checkRecords(): Promise<readonly string[]> {
    const { core } = this.#context;
    const leases = [...core.world.leases.values()];
    const from = leases.length > RECORDED_MAX ? this.#next % leases.length : 0;
    this.#next = from + RECORDED_MAX;
    const looked = leases.slice(from, from + RECORDED_MAX);
    const recorded = await core.readUsed(looked.map(({ id }) => id));
    // What has changed meanwhile may be compared with records of another moment.
    const unchanged = looked.filter(
      ({ id, usedDeviceMs }) => core.world.leases.get(id)?.usedDeviceMs === usedDeviceMs,
    );
    return unchanged
      .filter(({ id, usedDeviceMs }) => (recorded.get(id) ?? 0) !== usedDeviceMs)
      .map(
        ({ id, usedDeviceMs }) =>
          `I5: lease ${id} used ${usedDeviceMs} ms × GPU, its records say ${recorded.get(id) ?? 0}`,
      );
  }

  async #audit(): Promise<void> {
    const { core } = this.#context;
    const beganMs = core.clock.monotonicMs();
    const broken = [...checkWorld(core.world)];
    const tookMs = core.clock.monotonicMs() - beganMs;
    broken.push(...(await this.#checkRecords()));
    this.#auditIn(Math.max(INTERVAL_MS, tookMs * PAUSE_PER_COST));
    const more = broken.length > TOLD_MAX ? `; and ${broken.length - TOLD_MAX} more` : '';
    const message = `a defect of Berth, please report it: ${broken.slice(0, TOLD_MAX).join('; ')}${more}`;
    const wanted = broken.length === 0 ? [] : [{ code: CODE, subject: 'world/all', message }];
    await replaceFindings(this.#context, NAME, ({ code }) => code === CODE, wanted);
  }
}
