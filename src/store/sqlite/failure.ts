/**
 * Translates what node:sqlite throws into what the engine handles; the only place that knows SQLite's result
 * codes.
 */
import { StoreError } from '../../engine/ports.ts';

/** Primary result codes, https://sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CONSTRAINT = 19;
const SQLITE_NOTADB = 26;

/**
 * `committing`: the error came from COMMIT itself. Any other error leaves nothing written, because the
 * transaction is rolled back; one of COMMIT may come from the last fsync, after which only the next reader of
 * the file can tell.
 */
export function storeErrorOf(error: unknown, phase: 'statement' | 'committing'): StoreError {
  if (error instanceof StoreError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  switch (primaryCode(error)) {
    case SQLITE_FULL:
      return new StoreError('full', `no space is left for the store: ${reason}`, { cause: error });
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new StoreError('corrupt', `the store's file is damaged: ${reason}`, { cause: error });
    case SQLITE_CONSTRAINT:
      return new StoreError('refused', `a constraint of the store refuses this: ${reason}`, { cause: error });
    case SQLITE_BUSY:
      return new StoreError('refused', `another program holds the store's file: ${reason}`, { cause: error });
    default:
      return phase === 'committing'
        ? new StoreError('in_doubt', `the commit was not confirmed: ${reason}`, { cause: error })
        : new StoreError('refused', `the store failed before the commit: ${reason}`, { cause: error });
  }
}

/** True where a lock of another process or connection stood in the way. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === SQLITE_BUSY;
}

/** 0, SQLITE_OK, where the error is not SQLite's. */
function primaryCode(error: unknown): number {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return 0;
  return error.errcode & 0xff;
}
