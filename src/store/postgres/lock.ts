/**
 * One server per database: a lock that the writer's own connection holds. The server drops it with the
 * connection, however that ends, so there is no stale lock; and whoever has lost the connection can write
 * nothing.
 */
import { StoreError } from '../../engine/ports.ts';
import { parseHolder, StoreLockedError, type Holder } from '../holder.ts';
import { numberAt } from '../row.ts';
import { sqlStateOf } from './failure.ts';
import type { Session } from './session.ts';

/** "Bert", and which of its locks. */
const LOCK = [0x42_65_72_74, 1] as const;
const LOCK_SQL = LOCK.join(', ');
/** The session of a process that was just killed ends within this time. */
const WAIT_MS = 1000;
/** What ending a session of our own may take, ms: it may be writing out what it did. */
const TERMINATE_MS_MAX = 5000;
const LOCK_TIMEOUT = '55P03';

export interface LockOptions {
  /** For the message: the database without a password. */
  readonly address: string;
  /** `application_name` of this process's sessions, which no other process has. */
  readonly sessionName: string;
}

/**
 * Takes the lock for the session. Rejects with StoreLockedError after a second where another process has it,
 * with StoreError `closed` where it is our own and could not be ended.
 */
export async function lockDatabase(session: Session, options: LockOptions): Promise<void> {
  if (await tryLock(session)) return;
  const { holder, pid, isOurs } = await findHolder(session, options.sessionName);
  if (isOurs && pid !== null) {
    // The connection broke on our side only: the server still waits for us, or for a standby.
    await session.ask({ text: 'SELECT pg_terminate_backend($1, $2)', values: [pid, TERMINATE_MS_MAX] });
    if (await tryLock(session)) return;
    throw new StoreError('closed', 'an earlier session of this server has not ended yet, and has the lock');
  }
  throw new StoreLockedError(options.address, 'database', holder);
}

async function tryLock(session: Session): Promise<boolean> {
  try {
    await session.transaction(async () => {
      await session.ask({ text: `SET LOCAL lock_timeout = ${WAIT_MS}` });
      await session.ask({ text: `SELECT pg_advisory_lock(${LOCK_SQL})` });
    });
    return true;
  } catch (error) {
    if (sqlStateOf(error) === LOCK_TIMEOUT) return false;
    throw error;
  }
}

interface Found {
  /** null: gone meanwhile. */
  readonly pid: number | null;
  readonly holder: Holder | null;
  readonly isOurs: boolean;
}

/** Who has the lock now: by the lock itself, and by what its holder wrote when it loaded. */
async function findHolder(session: Session, sessionName: string): Promise<Found> {
  const { rows } = await session.ask({
    text:
      'SELECT pid, coalesce(application_name = $1, false) AS is_ours FROM pg_locks ' +
      'LEFT JOIN pg_stat_activity USING (pid) WHERE granted AND locktype = $2 AND classid = $3 AND objid = $4 ' +
      'AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())',
    values: [sessionName, 'advisory', ...LOCK],
  });
  const [row] = rows;
  if (row === undefined) return { pid: null, holder: null, isOurs: false };
  const pid = numberAt(row, 'pid');
  return { pid, holder: await readHolder(session, pid), isOurs: row['is_ours'] === true };
}

async function readHolder(session: Session, pid: number): Promise<Holder | null> {
  try {
    const text = 'SELECT holder FROM epoch WHERE backend_pid = $1';
    const [row] = (await session.ask({ text, values: [pid] })).rows;
    const holder = row?.['holder'];
    return typeof holder === 'string' ? parseHolder(JSON.parse(holder)) : null;
  } catch (error) {
    // The holder is making the tables just now; the lock counts, the name is a courtesy.
    if (sqlStateOf(error) !== null) return null;
    throw error;
  }
}
