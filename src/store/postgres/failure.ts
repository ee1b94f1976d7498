/**
 * Translates what the driver throws into what the engine handles; the only place that knows SQLSTATEs
 * (PostgreSQL 15, appendix A).
 */
import { StoreError } from '../../engine/ports.ts';

/** The connection is gone, or was given up: what was asked last may have been done or not. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
}

/** SQLSTATEs of our own, raised by the commit function (class BE is no class of PostgreSQL's). */
export const FENCED = 'BE001';

/**
 * `committing`: the error came while a commit was under way, so that without an answer nobody knows whether it
 * is there. An answer of severity ERROR proves the opposite: the transaction was rolled back.
 */
export function storeErrorOf(error: unknown, phase: 'statement' | 'committing'): StoreError {
  if (error instanceof StoreError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const told = (code: StoreError['code'], text: string): StoreError =>
    new StoreError(code, `${text}: ${reason}`, { cause: error });
  const sqlState = sqlStateOf(error);
  if (sqlState === null || isFatal(error)) {
    return phase === 'committing'
      ? told('in_doubt', 'the commit was not confirmed')
      : told('closed', 'the database does not answer');
  }
  if (sqlState === FENCED) return told('fenced', 'another server has taken over');
  if (sqlState === '53100') return told('full', 'no space is left for the database');
  if (sqlState.startsWith('XX00')) return told('corrupt', 'the database is damaged');
  if (sqlState.startsWith('23')) return told('refused', 'a constraint of the store refuses this');
  if (sqlState === '55P03' || sqlState === '57014') {
    return told('refused', 'another session of the database stood in the way');
  }
  return told('refused', `the database refuses this (${sqlState})`);
}

/** The five characters of a server's answer; null: the error is not one. */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return null;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : null;
}

/** The server ends the connection with it; after a commit was sent, it may still have been done. */
function isFatal(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity !== 'ERROR';
}
