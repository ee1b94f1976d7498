/** Reads of the open database: everything live for the load, and pages of what only the store has. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { asId, type LeaseId } from '../../base/ids.ts';
import type { Lease } from '../../domain/model/lease.ts';
import type { EventQuery, Expired, ExpiredQuery, StoredEvent } from '../../engine/ports.ts';
import { parseEvent, parseLease } from '../decode.ts';
import { boundedLimit, type EndedQuery } from '../queries.ts';
import { numberAt, textAt, theRow } from '../row.ts';

/** Methods throw what SQLite throws. */
export interface Reader {
  lastBatch(): { readonly revision: number; readonly eventSeq: number; readonly lastCommitAtMs: number };
  snapshotJson(): string;
  hasBatch(batchId: string): boolean;
  events(query: EventQuery): readonly StoredEvent[];
  lease(leaseId: LeaseId): Lease | null;
  leasesLike(prefix: string, limit: number): readonly Lease[];
  endedLeases(query: EndedQuery): readonly Lease[];
  hasIntent(leaseId: LeaseId): boolean;
  expired(query: ExpiredQuery): Expired;
}

/**
 * The members of the snapshot, each as one JSON array made by SQLite: no row crosses into JavaScript by
 * itself.
 */
const SNAPSHOT_PARTS = {
  hosts: 'SELECT body FROM hosts ORDER BY id',
  flavors: 'SELECT body FROM flavors ORDER BY id',
  projects: 'SELECT body FROM projects ORDER BY id',
  leases: "SELECT body FROM leases INDEXED BY leases_live WHERE state <> 'ended' ORDER BY created_at_ms, id",
  intents: 'SELECT body FROM intents INDEXED BY intents_open WHERE closed_at_ms IS NULL ORDER BY id',
  tokens: 'SELECT body FROM tokens ORDER BY id',
  findings: 'SELECT body FROM findings ORDER BY id',
  idempotency:
    "SELECT json_object('id', id, 'requestHash', request_hash, 'reply', json(reply), " +
    "'expiresAtMs', expires_at_ms) AS body FROM idempotency ORDER BY id",
} as const;

export function createReader(db: DatabaseSync): Reader {
  const lastBatch = db.prepare(
    'SELECT revision, event_seq, at_ms FROM batches ORDER BY revision DESC LIMIT 1',
  );
  const control = db.prepare("SELECT body FROM control WHERE id = 'control'");
  const parts = Object.entries(SNAPSHOT_PARTS).map(([name, sql]) => ({
    name,
    statement: db.prepare(
      `SELECT '[' || coalesce(group_concat(body, ','), '') || ']' AS bodies FROM (${sql})`,
    ),
  }));
  const hasBatch = db.prepare('SELECT 1 FROM batches WHERE batch_id = ?');
  const hasIntent = db.prepare('SELECT 1 FROM intents WHERE lease_id = ? LIMIT 1');
  const lease = db.prepare('SELECT body FROM leases WHERE id = ?');
  // A range instead of LIKE: it uses the primary key whatever characters the prefix has.
  const leasesLike = db.prepare('SELECT body FROM leases WHERE id >= ? AND id < ? ORDER BY id LIMIT ?');
  const ended = db.prepare(
    "SELECT body FROM leases INDEXED BY leases_ended WHERE state = 'ended' AND ended_at_ms < ? " +
      'ORDER BY ended_at_ms DESC, rowid DESC LIMIT ?',
  );
  const endedOfProject = db.prepare(
    "SELECT body FROM leases INDEXED BY leases_ended_by_project WHERE state = 'ended' AND project_id = ? " +
      'AND ended_at_ms < ? ORDER BY ended_at_ms DESC, rowid DESC LIMIT ?',
  );
  const events = createEventReader(db);
  return {
    lastBatch() {
      const row = lastBatch.get();
      if (row === undefined) return { revision: 0, eventSeq: 0, lastCommitAtMs: 0 };
      return {
        revision: numberAt(row, 'revision'),
        eventSeq: numberAt(row, 'event_seq'),
        lastCommitAtMs: numberAt(row, 'at_ms'),
      };
    },
    snapshotJson() {
      const members = parts.map(
        ({ name, statement }) => `"${name}":${textAt(theRow(statement.get()), 'bodies')}`,
      );
      return `{"control":${textAt(theRow(control.get()), 'body')},${members.join(',')}}`;
    },
    hasBatch: (batchId) => hasBatch.get(batchId) !== undefined,
    events,
    lease(leaseId) {
      const row = lease.get(leaseId);
      return row === undefined ? null : parseLease(textAt(row, 'body'));
    },
    leasesLike(prefix, limit) {
      const rows = leasesLike.all(prefix, `${prefix}\u{10FFFF}`, boundedLimit(limit));
      return rows.map((row) => parseLease(textAt(row, 'body')));
    },
    endedLeases(query) {
      const beforeMs = query.beforeMs ?? Number.MAX_SAFE_INTEGER;
      const limit = boundedLimit(query.limit);
      const rows =
        query.projectId === null
          ? ended.all(beforeMs, limit)
          : endedOfProject.all(query.projectId, beforeMs, limit);
      return rows.map((row) => parseLease(textAt(row, 'body')));
    },
    hasIntent: (leaseId) => hasIntent.get(leaseId) !== undefined,
    expired: createExpiredReader(db),
  };
}

function createExpiredReader(db: DatabaseSync): (query: ExpiredQuery) => Expired {
  const leases = db.prepare(
    "SELECT id FROM leases INDEXED BY leases_ended WHERE state = 'ended' AND ended_at_ms < ? " +
      'ORDER BY ended_at_ms LIMIT ?',
  );
  // Up to the first that is young enough: what goes is a beginning without a hole, whatever the clock did.
  const floor = db.prepare(
    'WITH oldest AS (SELECT seq, at_ms FROM events ORDER BY seq LIMIT ?2) ' +
      'SELECT seq, at_ms FROM oldest WHERE seq < (SELECT max(seq) FROM events) AND seq < ' +
      '(SELECT coalesce(min(seq), 9007199254740991) FROM oldest WHERE at_ms >= ?1) ORDER BY seq DESC LIMIT 1',
  );
  return ({ endedBeforeMs, eventsBeforeMs, limit }) => {
    const last = eventsBeforeMs === null ? undefined : floor.get(eventsBeforeMs, boundedLimit(limit));
    return {
      leaseIds:
        endedBeforeMs === null
          ? []
          : leases.all(endedBeforeMs, boundedLimit(limit)).map((row) => asId(textAt(row, 'id'))),
      eventFloor: last === undefined ? null : { seq: numberAt(last, 'seq'), atMs: numberAt(last, 'at_ms') },
    };
  };
}

/**
 * One statement per combination of filters (at most 16), prepared when first asked for. A lease has fewer
 * events than its project, a project fewer than a type: the plus keeps SQLite from choosing the index of the
 * larger.
 */
function createEventReader(db: DatabaseSync): (query: EventQuery) => readonly StoredEvent[] {
  const statements = new Map<string, StatementSync>();
  return (query) => {
    const wheres = ['seq > ?'];
    const values: (string | number)[] = [query.afterSeq];
    if (query.leaseId !== null) {
      wheres.push("entity = 'lease' AND entity_id = ?");
      values.push(query.leaseId);
    }
    if (query.projectId !== null) {
      // What belongs to nobody and concerns everybody (maySeeEvent in engine/session.ts says the same).
      const common = "(project_id IS NULL AND entity IN ('host', 'flavor', 'control'))";
      wheres.push(query.leaseId === null ? `(project_id = ? OR ${common})` : '+project_id = ?');
      values.push(query.projectId);
    }
    if (query.type !== null) {
      wheres.push(query.leaseId === null && query.projectId === null ? 'type = ?' : '+type = ?');
      values.push(query.type);
    }
    const order = query.newestFirst ? 'DESC' : 'ASC';
    const sql = `SELECT * FROM events WHERE ${wheres.join(' AND ')} ORDER BY seq ${order} LIMIT ?`;
    const statement = statements.get(sql) ?? db.prepare(sql);
    statements.set(sql, statement);
    return statement.all(...values, boundedLimit(query.limit)).map(parseEvent);
  };
}
