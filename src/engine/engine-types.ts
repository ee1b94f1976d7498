/** The engine was not able to carry out a command. `commit_failed`: nothing of it was stored. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: 'stopped' | 'busy' | 'commit_failed';
  constructor(code: EngineError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface EngineHooks {
  /** Told of every failure that an operator should know; the engine itself logs nothing. */
  readonly onError?: (error: Error) => void;
}

export interface EngineStats {
  decided: number;
  refused: number;
  batches: number;
  commitMsTotal: number;
  reloads: number;
}
