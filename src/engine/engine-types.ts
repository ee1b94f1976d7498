/**
 * The engine was not able to carry out a command. `commit_failed`: nothing of it was stored. `unavailable`:
 * the store does not answer, nothing was tried.
 */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: 'stopped' | 'busy' | 'commit_failed' | 'unavailable';
  constructor(code: EngineError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface EngineHooks {
  /** Told of every failure that an operator should know; the engine itself logs nothing. */
  readonly onError?: (error: Error) => void;
  /** Told when the store was loaded again and lacks what was acknowledged; the service is frozen then. */
  readonly onRolledBack?: (reason: string) => void;
  /** Told when the engine stops by itself: the process has nothing to do any more. */
  readonly onStop?: (error: EngineError) => void;
}

export interface EngineStats {
  decided: number;
  refused: number;
  batches: number;
  commitMsTotal: number;
  reloads: number;
}
