/**
 * The PostgreSQL store as the engine uses it. Owns the connection that writes, the lock that goes with it,
 * and what the loss of both means; decides nothing about the data.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Ids } from '../../base/ids.ts';
import { StoreError, type LoadedState, type Store } from '../../engine/ports.ts';
import { newDeploymentId } from '../control.ts';
import { StoreLockedError, thisProcess, type Holder } from '../holder.ts';
import { SchemaError, type Migration } from '../migrations.ts';
import { planWrite } from '../plan.ts';
import { numberAt, theRow } from '../row.ts';
import { commitStatement, prepareCommits } from './commit.ts';
import {
  ANY_TIMELINE,
  connectPrimary,
  openAt,
  type Connector,
  type Primary,
  type SessionLimits,
} from './connect.ts';
import { durabilityWarnings } from './durability.ts';
import { storeErrorOf } from './failure.ts';
import { lockDatabase, type LockOptions } from './lock.ts';
import { migrate, readMigrations } from './migrations.ts';
import type { PasswordSources } from './password.ts';
import {
  findLeases,
  readAll,
  readBatch,
  readEndedLeases,
  readEvents,
  readExpired,
  readIntent,
  readLease,
} from './reader.ts';
import { createReaders, type Readers } from './readers.ts';
import { readUsed, sumUsage } from './usage-reader.ts';
import type { Row, Session, Statement } from './session.ts';
import type { Timeline, TimelineMemory } from './timeline.ts';
import { printAddress, type Address } from './url.ts';

export interface PostgresStoreOptions {
  readonly address: Address;
  readonly passwords: PasswordSources;
  /** Berth's version, to name the holder of the database. */
  readonly version: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Which timeline was seen before this process. Default: none, and none is kept. */
  readonly timelines?: TimelineMemory;
  /** Default: `LIMITS`. */
  readonly limits?: Partial<SessionLimits>;
  /** Default: those of this program. */
  readonly migrations?: readonly Migration[];
  /** How the one server per database is seen to. Default: the lock; others are for trying what the epoch does. */
  readonly lock?: (session: Session, options: LockOptions) => Promise<void>;
}

export interface PostgresStore extends Store {
  /** The database without a password. */
  readonly place: string;
  /** What an operator should know about how the database keeps what it confirms. */
  readonly warnings: readonly string[];
}

const LIMITS: SessionLimits = { statementMs: 10_000, lockMs: 5000, callMs: 15_000 };
/** Reading one table at the load: a hundred thousand live leases are some hundred MB. */
const LOAD_MS_MAX = 60_000;

/** The connection that writes, and those that read from the same server. */
interface Opened extends Primary {
  readonly created: boolean;
  readonly readers: Readers;
}

/**
 * Opens (or makes) the store. Rejects with StoreLockedError while another process has the database,
 * SchemaError where it is of another version, StoreError where no server takes writes.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const { address, passwords, clock, version } = options;
  // Fits into the 63 bytes that PostgreSQL keeps, and is like no other process's.
  const name = `berth ${version.slice(0, 20)} ${randomUUID()}`;
  const link = new Link({ address, passwords, clock, name }, options);
  const holder = thisProcess(version, clock);
  const warnings = await asOpened(async () => durabilityWarnings((await link.open()).session));
  const read = <T>(run: (ask: (statement: Statement) => Promise<readonly Row[]>) => Promise<T>): Promise<T> =>
    asStoreError('statement', () => run((statement) => link.current().readers.ask(statement)));
  return {
    place: printAddress(address),
    warnings,
    load: () =>
      asStoreError('statement', async () => {
        const target = await link.open();
        try {
          return await loadFrom(target, holder);
        } catch (error) {
          // Of a server that cannot confirm a load nothing is to be expected: another host may do.
          await link.avoid(target);
          throw error;
        }
      }),
    commit: (batch) =>
      asStoreError('committing', async () => {
        const { session } = link.current();
        checkReplicated((await session.ask(commitStatement(planWrite(batch)))).warnings);
      }),
    // By the connection that has loaded: it may be the only one that the server lets in.
    hasBatch: (batchId) =>
      asStoreError('statement', () =>
        readBatch(async (statement) => (await link.current().session.ask(statement)).rows, batchId),
      ),
    readEvents: (query) => read((ask) => readEvents(ask, query)),
    readLease: (leaseId) => read((ask) => readLease(ask, leaseId)),
    findLeases: (prefix, limit) => read((ask) => findLeases(ask, prefix, limit)),
    readEndedLeases: (query) => read((ask) => readEndedLeases(ask, query)),
    sumUsage: (query) => read((ask) => sumUsage(ask, query)),
    readUsed: (leaseIds) => read((ask) => readUsed(ask, leaseIds)),
    hasIntent: (leaseId) => read((ask) => readIntent(ask, leaseId)),
    readExpired: (query) => read((ask) => readExpired(ask, query)),
    close: () => link.close(),
  };
}

/** The connection of one store with whichever server takes writes, and what was seen of the servers so far. */
class Link {
  readonly #connector: Connector;
  readonly #options: PostgresStoreOptions;
  readonly #limits: SessionLimits;
  #opened: Opened | null = null;
  /** One at a time: two openings would wait for each other's lock. */
  #opening: Promise<Opened> | null = null;
  #closed = false;
  /** Which of the hosts is preferred among equals: after a failure the next one. */
  #first = 0;
  #seen: Timeline | null = null;

  constructor(connector: Connector, options: PostgresStoreOptions) {
    this.#connector = connector;
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
  }

  /** The open connection. Throws StoreError `closed`. */
  current(): Opened {
    this.#checkOpen();
    if (this.#opened?.session.alive() === true) return this.#opened;
    throw new StoreError('closed', 'the connection with the database was lost: load again');
  }

  /**
   * The open connection, or another with the lock. Rejects with StoreLockedError, SchemaError, StoreError, or
   * what the driver says.
   */
  async open(): Promise<Opened> {
    this.#checkOpen();
    if (this.#opened?.session.alive() === true) return this.#opened;
    await this.#drop();
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = null;
    });
    this.#opened = await this.#opening;
    return this.#opened;
  }

  /** The next opening begins with the host after this one. */
  async avoid({ session }: Opened): Promise<void> {
    this.#first = this.#connector.address.hosts.indexOf(session.place) + 1;
    await this.#drop();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const opened = (await this.#opening?.catch(() => null)) ?? this.#opened;
    await Promise.all([opened?.readers.end(), opened?.session.end()]);
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreError('closed', 'the store is closed');
  }

  async #drop(): Promise<void> {
    const gone = this.#opened;
    this.#opened = null;
    gone?.session.destroy();
    await gone?.readers.end();
  }

  async #connect(): Promise<Opened> {
    this.#seen ??= this.#options.timelines?.read() ?? null;
    const primary = await connectPrimary(this.#connector, this.#limits, {
      first: this.#first++,
      seen: this.#seen,
      wayOut: this.#options.timelines?.wayOut ?? ANY_TIMELINE.wayOut,
    });
    try {
      return await this.#takeOver(primary);
    } catch (error) {
      primary.session.destroy();
      throw error;
    }
  }

  async #takeOver(primary: Primary): Promise<Opened> {
    const { session, timeline } = primary;
    const { lock = lockDatabase, migrations = readMigrations(), ids, address } = this.#options;
    await lock(session, { address: printAddress(address), sessionName: this.#connector.name });
    const created = await migrate(session, migrations, newDeploymentId(ids.next()));
    await prepareCommits(session);
    this.#remember(timeline);
    // The host that serves us is preferred when the connection is lost.
    this.#first = this.#connector.address.hosts.indexOf(session.place);
    const readers = createReaders(() => openAt(this.#connector, session.place, this.#limits));
    return { ...primary, created, readers };
  }

  /** Before anything is done on it. */
  #remember(timeline: Timeline): void {
    const isKept = this.#seen?.system === timeline.system && this.#seen.number === timeline.number;
    if (!isKept) this.#options.timelines?.keep(timeline);
    this.#seen = timeline;
  }
}

/** Takes a new epoch and reads what lives, in one transaction that no commit can come between. */
async function loadFrom({ session, backendPid, created }: Opened, holder: Holder): Promise<LoadedState> {
  const { value, warnings } = await session.transaction(async () => {
    await session.ask({ text: `SET LOCAL statement_timeout = ${LOAD_MS_MAX}` });
    const { rows } = await session.ask({
      text: 'UPDATE epoch SET epoch = epoch + 1, holder = $1, backend_pid = $2 RETURNING epoch',
      values: [JSON.stringify(holder), backendPid],
    });
    return { epoch: numberAt(theRow(rows[0]), 'epoch'), ...(await readAll(session, LOAD_MS_MAX)) };
  });
  checkReplicated(warnings);
  return { ...value, created: created && value.revision === 0 };
}

/**
 * When the wait for a synchronous standby is cancelled, PostgreSQL confirms the COMMIT all the same, with a
 * warning (syncrep.c, SyncRepWaitForLSN): it is on this server alone, and a failover would lose it. A load
 * that was confirmed without one proves that all before it has reached the standby.
 */
function checkReplicated(warnings: readonly string[]): void {
  const [warning] = warnings;
  if (warning !== undefined) throw new StoreError('in_doubt', `the commit is not safe: ${warning}`);
}

/** As it is for the first opening: who has the lock is told by name, and a server need not be stopped. */
async function asOpened<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof StoreLockedError || error instanceof SchemaError) throw error;
    throw storeErrorOf(error, 'statement');
  }
}

async function asStoreError<T>(phase: 'statement' | 'committing', run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    // Between our loss of the connection and this attempt somebody else has taken over, or has brought the
    // tables to another version: trying again helps neither.
    if (error instanceof StoreLockedError || error instanceof SchemaError)
      throw new StoreError('fenced', error.message, { cause: error });
    throw storeErrorOf(error, phase);
  }
}
