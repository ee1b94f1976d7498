/** Reads of the database: everything live for the load, and pages of what only the store has. */
import { asId, type LeaseId } from '../../base/ids.ts';
import type { Snapshot } from '../../domain/model/entities.ts';
import type { Lease } from '../../domain/model/lease.ts';
import type { EventQuery, Expired, ExpiredQuery, LoadedState, StoredEvent } from '../../engine/ports.ts';
import { parseEvent, parseLease } from '../decode.ts';
import { boundedLimit, type EndedQuery } from '../queries.ts';
import { numberAt, textAt, theRow } from '../row.ts';
import type { Row, Session, Statement } from './session.ts';

/** Asks one statement and gives its rows; rejects with StoreError. */
export type Ask = (statement: Statement) => Promise<readonly Row[]>;

const SNAPSHOT_PARTS = {
  hosts: 'SELECT body FROM hosts ORDER BY id',
  flavors: 'SELECT body FROM flavors ORDER BY id',
  projects: 'SELECT body FROM projects ORDER BY id',
  leases: "SELECT body FROM leases WHERE state <> 'ended' ORDER BY created_at_ms, id",
  intents: 'SELECT body FROM intents WHERE closed_at_ms IS NULL ORDER BY id',
  tokens: 'SELECT body FROM tokens ORDER BY id',
  findings: 'SELECT body FROM findings ORDER BY id',
  idempotency:
    "SELECT json_build_object('id', id, 'requestHash', request_hash, 'reply', reply, " +
    "'expiresAtMs', expires_at_ms) AS body FROM idempotency ORDER BY id",
} as const;

/**
 * What lives, within a transaction in which nobody else commits. `timeoutMs` is for each table. Rejects with
 * what the session rejects with.
 */
export async function readAll(
  session: Session,
  timeoutMs: number,
): Promise<Omit<LoadedState, 'epoch' | 'created'>> {
  const all = async (text: string): Promise<readonly Row[]> => (await session.ask({ text }, timeoutMs)).rows;
  const [last] = await all('SELECT revision, event_seq, at_ms FROM batches ORDER BY revision DESC LIMIT 1');
  const control = theRow((await all("SELECT body FROM control WHERE id = 'control'"))[0]);
  const lists: Record<string, readonly unknown[]> = {};
  for (const [name, text] of Object.entries(SNAPSHOT_PARTS)) {
    lists[name] = (await all(text)).map((row): unknown => JSON.parse(textAt(row, 'body')));
  }
  return {
    revision: last === undefined ? 0 : numberAt(last, 'revision'),
    eventSeq: last === undefined ? 0 : numberAt(last, 'event_seq'),
    lastCommitAtMs: last === undefined ? 0 : numberAt(last, 'at_ms'),
    snapshot: { control: JSON.parse(textAt(control, 'body')), ...lists } as unknown as Snapshot,
  };
}

export async function readBatch(ask: Ask, batchId: string): Promise<boolean> {
  const rows = await ask({ text: 'SELECT 1 FROM batches WHERE batch_id = $1', values: [batchId] });
  return rows.length > 0;
}

export async function readIntent(ask: Ask, leaseId: LeaseId): Promise<boolean> {
  const rows = await ask({
    name: 'intent',
    text: 'SELECT 1 FROM intents WHERE lease_id = $1 LIMIT 1',
    values: [leaseId],
  });
  return rows.length > 0;
}

export async function readLease(ask: Ask, leaseId: LeaseId): Promise<Lease | null> {
  const [row] = await ask({
    name: 'lease',
    text: 'SELECT body FROM leases WHERE id = $1',
    values: [leaseId],
  });
  return row === undefined ? null : leaseOf(row);
}

export async function findLeases(ask: Ask, prefix: string, limit: number): Promise<readonly Lease[]> {
  const rows = await ask({
    name: 'leases_like',
    // A range instead of LIKE: it uses the primary key whatever characters the prefix has.
    text: 'SELECT body FROM leases WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3',
    values: [prefix, `${prefix}\u{10FFFF}`, boundedLimit(limit)],
  });
  return rows.map(leaseOf);
}

export async function readEndedLeases(ask: Ask, query: EndedQuery): Promise<readonly Lease[]> {
  const beforeMs = query.beforeMs ?? Number.MAX_SAFE_INTEGER;
  const limit = boundedLimit(query.limit);
  const rows = await ask(
    query.projectId === null
      ? {
          name: 'ended',
          text:
            "SELECT body FROM leases WHERE state = 'ended' AND ended_at_ms < $1 " +
            'ORDER BY ended_at_ms DESC, id DESC LIMIT $2',
          values: [beforeMs, limit],
        }
      : {
          name: 'ended_of_project',
          text:
            "SELECT body FROM leases WHERE state = 'ended' AND project_id = $1 AND ended_at_ms < $2 " +
            'ORDER BY ended_at_ms DESC, id DESC LIMIT $3',
          values: [query.projectId, beforeMs, limit],
        },
  );
  return rows.map(leaseOf);
}

export async function readExpired(ask: Ask, query: ExpiredQuery): Promise<Expired> {
  const { endedBeforeMs, eventsBeforeMs } = query;
  const limit = boundedLimit(query.limit);
  const leases =
    endedBeforeMs === null
      ? []
      : await ask({
          text:
            "SELECT id FROM leases WHERE state = 'ended' AND ended_at_ms < $1 " +
            'ORDER BY ended_at_ms LIMIT $2',
          values: [endedBeforeMs, limit],
        });
  // Up to the first that is young enough: what goes is a beginning without a hole, whatever the clock did.
  const [floor] =
    eventsBeforeMs === null
      ? []
      : await ask({
          text:
            'WITH oldest AS (SELECT seq, at_ms FROM events ORDER BY seq LIMIT $2) ' +
            'SELECT seq, at_ms FROM oldest WHERE seq < (SELECT max(seq) FROM events) AND seq < ' +
            '(SELECT coalesce(min(seq), 9007199254740991) FROM oldest WHERE at_ms >= $1) ' +
            'ORDER BY seq DESC LIMIT 1',
          values: [eventsBeforeMs, limit],
        });
  return {
    leaseIds: leases.map((row) => asId(textAt(row, 'id'))),
    eventFloor: floor === undefined ? null : { seq: numberAt(floor, 'seq'), atMs: numberAt(floor, 'at_ms') },
  };
}

/** Not prepared: the best plan depends on how much a project or a type has, so it is made for the values. */
export async function readEvents(ask: Ask, query: EventQuery): Promise<readonly StoredEvent[]> {
  const values: (string | number)[] = [query.afterSeq];
  const mark = (value: string): string => `$${values.push(value)}`;
  const wheres = ['seq > $1'];
  if (query.leaseId !== null) wheres.push(`entity = 'lease' AND entity_id = ${mark(query.leaseId)}`);
  if (query.projectId !== null) {
    // What belongs to nobody and concerns everybody (maySeeEvent in engine/session.ts says the same).
    const common = "(project_id IS NULL AND entity IN ('host', 'flavor', 'control'))";
    const own = `project_id = ${mark(query.projectId)}`;
    wheres.push(query.leaseId === null ? `(${own} OR ${common})` : own);
  }
  if (query.type !== null) wheres.push(`type = ${mark(query.type)}`);
  const order = query.newestFirst ? 'DESC' : 'ASC';
  const limit = boundedLimit(query.limit);
  const text = `SELECT * FROM events WHERE ${wheres.join(' AND ')} ORDER BY seq ${order} LIMIT ${limit}`;
  return (await ask({ text, values })).map(parseEvent);
}

function leaseOf(row: Row): Lease {
  return parseLease(textAt(row, 'body'));
}
