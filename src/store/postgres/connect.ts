/**
 * From an address to a connection with a server that takes writes: all hosts are asked at once, each within a
 * bounded time; a standby is none of them, and of several the one that was promoted last is meant. Owns what
 * every session is told at its start.
 */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { ClientConfig } from 'pg';
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../engine/ports.ts';
import { numberAt, textAt, theRow } from '../row.ts';
import { passwordFor, type PasswordSources } from './password.ts';
import { openSession, type Session } from './session.ts';
import { isOutdated, type Timeline } from './timeline.ts';
import { printHost, type Address, type HostPort } from './url.ts';

/** The oldest release that the migrations are written for and tested with: 15. */
const VERSION_MIN = 150_000;
/** A host that is switched off answers nothing at all: what trying it may cost of the time of a failover. */
const CONNECT_TIMEOUT_MS = 2000;
/** The same for one that accepts us and then says nothing of itself. */
const EXAMINE_MS_MAX = 5000;

/** How long a session may take for one thing, ms; the server ends what takes longer. */
export interface SessionLimits {
  readonly statementMs: number;
  /** Waiting for a lock of somebody else's, ms: there is one writer, so nobody should hold any. */
  readonly lockMs: number;
  /** What the client waits for an answer, ms: longer than the server's own limits. */
  readonly callMs: number;
}

export interface Connector {
  readonly address: Address;
  readonly passwords: PasswordSources;
  readonly clock: Clock;
  /** `application_name` of the sessions: what operators see in pg_stat_activity. */
  readonly name: string;
}

/** A session with a server that takes writes. */
export interface Primary {
  readonly session: Session;
  /** Process of the server that serves the session. */
  readonly backendPid: number;
  readonly timeline: Timeline;
}

/**
 * A gone client's session, and the locks that it holds, are noticed after idle + count × interval: 20 s. What
 * was sent and not acknowledged ends it too (PostgreSQL 15, 20.3.2).
 */
const KEEPALIVES = {
  tcp_keepalives_idle: '10s',
  tcp_keepalives_interval: '5s',
  tcp_keepalives_count: '2',
  tcp_user_timeout: '20s',
};

/** Which host will do. */
export interface Choice {
  /** Which host is preferred among equals, and those after it in the round; counts from 0. */
  readonly first: number;
  /** The newest timeline that was seen: a server with an older one has missed a promotion. */
  readonly seen: Timeline | null;
  /** What an operator does where the older one is wanted all the same; a clause. */
  readonly wayOut: string;
}

/** Where nothing was seen before: the newest of those that answer. */
export const ANY_TIMELINE: Choice = { first: 0, seen: null, wayOut: 'start anew' };

/**
 * The host that takes writes and was promoted last. An old primary that came back takes writes too, so all
 * that can be reached are asked before one is chosen. Rejects with StoreError `refused`, which says what each
 * host said.
 */
export async function connectPrimary(
  connector: Connector,
  limits: SessionLimits,
  choice: Choice,
): Promise<Primary> {
  const { hosts } = connector.address;
  const round = hosts.map((_host, index) => hosts[(choice.first + index) % hosts.length] ?? hosts[index]);
  const places = round.filter((place) => place !== undefined);
  const asked = await Promise.allSettled(places.map((place) => connectTo(connector, place, limits, choice)));
  const found = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  // Stable: of equals the first of the round.
  const [newest, ...others] = found.toSorted((a, b) => b.timeline.number - a.timeline.number);
  for (const { session } of others) session.destroy();
  if (newest !== undefined) return newest;
  const said: string[] = [];
  for (const [index, one] of asked.entries()) {
    const place = places[index];
    if (one.status === 'fulfilled' || place === undefined) continue;
    const error: unknown = one.reason;
    if (error instanceof StoreError && error.code !== 'closed') throw error;
    said.push(`${printHost(place)}: ${error instanceof Error ? error.message || error.name : String(error)}`);
  }
  throw new StoreError('refused', `no database server takes writes (${said.join('; ')})`);
}

/** Rejects with the driver's error, or StoreError: `closed` where another host may do, `refused` where not. */
async function connectTo(
  connector: Connector,
  place: HostPort,
  limits: SessionLimits,
  { seen, wayOut }: Choice,
): Promise<Primary> {
  const session = await openAt(connector, place, limits);
  try {
    const examined = await examine(session);
    if (isOutdated(examined.timeline, seen)) {
      const numbers = `timeline ${examined.timeline.number}, but ${seen?.number} was seen`;
      throw new StoreError(
        'closed',
        `is an old primary (${numbers}): others have gone on without it; if it is meant, ${wayOut}`,
      );
    }
    return { session, ...examined };
  } catch (error) {
    session.destroy();
    throw error;
  }
}

/** A further session with the same server, for reads. */
export async function openAt(connector: Connector, place: HostPort, limits: SessionLimits): Promise<Session> {
  const { address } = connector;
  const config = configFor(connector, place, limits);
  const bounds = { clock: connector.clock, callTimeoutMs: limits.callMs };
  const ssl = tlsOptions(address);
  try {
    return await openSession({ ...config, ssl }, place, bounds);
  } catch (error) {
    const hasNone = error instanceof Error && error.message === 'The server does not support SSL connections';
    if (address.sslMode !== 'prefer' || !hasNone) throw error;
    return openSession({ ...config, ssl: false }, place, bounds);
  }
}

async function examine(session: Session): Promise<Omit<Primary, 'session'>> {
  const statement = {
    text:
      "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS is_standby, " +
      "current_setting('server_version_num')::int AS version, current_setting('server_version') AS " +
      'version_text, pg_backend_pid() AS backend_pid, ' +
      '(SELECT system_identifier FROM pg_control_system())::text AS system, ' +
      "CASE WHEN pg_is_in_recovery() THEN '0' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) " +
      'END AS timeline',
  };
  const { rows } = await session.ask(statement, EXAMINE_MS_MAX);
  const row = theRow(rows[0]);
  if (numberAt(row, 'version') < VERSION_MIN) {
    throw new StoreError(
      'refused',
      `${printHost(session.place)} is PostgreSQL ${textAt(row, 'version_text')}; Berth needs 15 or newer`,
    );
  }
  if (row['is_standby'] === true) throw new StoreError('closed', 'is a standby, or read-only');
  return {
    backendPid: numberAt(row, 'backend_pid'),
    timeline: { system: textAt(row, 'system'), number: Number.parseInt(textAt(row, 'timeline'), 16) },
  };
}

function configFor(
  { address, passwords, name }: Connector,
  place: HostPort,
  limits: SessionLimits,
): ClientConfig & { readonly connectionTimeoutMillis: number } {
  const settings = {
    ...(!place.host.startsWith('/') && KEEPALIVES),
    // Whatever the role or the database says: an answer means that the commit is on disk, and on the
    // standbys that synchronous_standby_names asks for.
    synchronous_commit: 'on',
    search_path: 'public',
  };
  return {
    host: place.host,
    port: place.port,
    user: address.user,
    database: address.database,
    // The empty text where there is none: the driver would look for one by rules of its own.
    password: passwordFor(address, place, passwords) ?? '',
    application_name: name,
    connectionTimeoutMillis: address.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    statement_timeout: limits.statementMs,
    lock_timeout: limits.lockMs,
    idle_in_transaction_session_timeout: limits.callMs,
    options: Object.entries(settings)
      .map(([key, value]) => `-c ${key}=${value}`)
      .join(' '),
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** As libpq's table 34.1 has it: only the verifying modes protect against somebody in between. */
function tlsOptions({ sslMode, sslRootCert }: Address): ConnectionOptions | false {
  const ca = sslRootCert === null ? {} : { ca: readCertificate(sslRootCert) };
  switch (sslMode) {
    case 'disable':
      return false;
    case 'prefer':
      return { rejectUnauthorized: false };
    case 'require':
      // With a root certificate libpq takes it for verify-ca.
      return sslRootCert === null
        ? { rejectUnauthorized: false }
        : { ...ca, checkServerIdentity: () => undefined };
    case 'verify-ca':
      return { ...ca, checkServerIdentity: () => undefined };
    case 'verify-full':
      return ca;
  }
}

function readCertificate(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreError('refused', `sslrootcert cannot be read: ${reason}`);
  }
}
