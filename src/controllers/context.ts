import type { LeaseId } from '../base/ids.ts';
import type { Prng } from '../base/prng.ts';
import type { SystemCommand, UserCommand } from '../domain/command.ts';
import type { Control } from '../domain/model/control.ts';
import type { Core } from '../engine/core.ts';
import { EngineError } from '../engine/engine-types.ts';
import type { Outcome } from '../engine/views.ts';
import type { Life } from './life.ts';

/** Where a crash test can stop the process: around the intent and around the call that it announces. */
export type PausePoint = 'before_intent' | 'before_send' | 'after_reply' | 'after_commit';

/** What all controllers of one `startControllers` share. */
export interface Context {
  readonly core: Core;
  readonly life: Life;
  readonly prng: Prng;
  /** When these controllers began, ms: of what came later nobody before them can have made anything. */
  readonly startedAtMs: number;
  readonly onPoint: (point: PausePoint, leaseId: LeaseId) => Promise<void>;
  /** Called with what our own code should never have thrown; the work goes on later. */
  readonly onBug: (error: unknown) => void;
}

/**
 * Gives a command as `system:<name>`. Rejects where it was not committed (the look after next finds that out
 * anyway); where the engine has stopped, the controllers' life ends with it.
 */
export function give(context: Context, name: string, command: SystemCommand | UserCommand): Promise<Outcome> {
  const { core, life } = context;
  return life.live(
    core.command(name, command).catch((error: unknown) => {
      if (error instanceof EngineError && error.code === 'stopped') life.end();
      throw error;
    }),
  );
}

/** False while nothing outside may be changed: frozen, or only observing. */
export function mayAct(control: Control): boolean {
  return control.freeze === null && control.mode.kind === 'act';
}
