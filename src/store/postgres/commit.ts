/**
 * A commit as one round trip: one call of a function that takes the rows of a plan as JSON, checks the epoch,
 * and writes each table with one statement. The function is code, not schema: whoever opens the database puts
 * the text of this program there, so that it needs no migration. Why so, and what it costs:
 * docs/adr/0007-postgresql.md.
 */
import { createHash } from 'node:crypto';
import { BATCHES_KEPT, type ClaimRows, type PlainEntity, type WritePlan } from '../plan.ts';
import {
  claimClassTable,
  claimDeviceTable,
  claimTable,
  controlTable,
  deviceTable,
  eventTable,
  findingTable,
  flavorTable,
  hostTable,
  idempotencyTable,
  intentTable,
  leaseTable,
  projectTable,
  tokenTable,
  usageTable,
  type Columns,
  type Row,
} from '../tables.ts';
import { FENCED } from './failure.ts';
import { rowsJson } from './rows-json.ts';
import type { Session, Statement } from './session.ts';

interface Parameter {
  readonly name: string;
  readonly type: 'bigint' | 'text' | 'text[]' | 'json';
  /** null: there is nothing of it in the plan. */
  readonly of: (plan: WritePlan) => string | number | null | readonly string[];
}

const plainTables: Readonly<Record<PlainEntity, Columns>> = {
  control: controlTable,
  project: projectTable,
  flavor: flavorTable,
  token: tokenTable,
  finding: findingTable,
  idempotency: idempotencyTable,
};
const PLAIN = Object.entries(plainTables) as [PlainEntity, Columns][];
/** What may be used of a class on a host; the rest of host_capacity is kept by triggers. */
const totalTable: Columns = { name: 'host_capacity', columns: ['host_id', 'device_class', 'total'] };

const PARAMETERS: readonly Parameter[] = [
  { name: 'p_epoch', type: 'bigint', of: (plan) => plan.epoch },
  { name: 'p_revision', type: 'bigint', of: (plan) => plan.revision },
  { name: 'p_batch_id', type: 'text', of: (plan) => plan.batchId },
  { name: 'p_at_ms', type: 'bigint', of: (plan) => plan.atMs },
  rows('p_hosts', hostTable, (plan) => plan.hosts.map(({ host }) => host)),
  ids('p_host_ids', (plan) => plan.hosts.map(({ id }) => id)),
  rows('p_devices', deviceTable, (plan) => plan.hosts.flatMap(({ devices }) => devices)),
  rows('p_peaks', totalTable, (plan) => totalRows(plan, 'peaks')),
  rows('p_totals', totalTable, (plan) => totalRows(plan, 'totals')),
  ids('p_removed_hosts', (plan) => plan.removedHostIds),
  rows('p_leases', leaseTable, (plan) => plan.leases.map(({ lease }) => lease)),
  ids('p_lease_ids', (plan) => plan.leases.map(({ id }) => id)),
  ...claimParameters('granted', ({ observed }) => !observed),
  ...claimParameters('observed', ({ observed }) => observed),
  rows('p_intents', intentTable, (plan) => plan.intents),
  ids('p_closed_intents', (plan) => plan.closedIntentIds),
  ...PLAIN.flatMap(([entity, table]) => [
    ids(`p_removed_${table.name}`, (plan) => plainOf(plan, entity)?.removedIds ?? []),
    rows(`p_${table.name}`, table, (plan) => plainOf(plan, entity)?.puts ?? []),
  ]),
  rows('p_usage', usageTable, (plan) => plan.usage),
  ids('p_removed_leases', (plan) => plan.removedLeaseIds),
  { name: 'p_floor_seq', type: 'bigint', of: (plan) => plan.eventFloor?.seq ?? null },
  { name: 'p_floor_at_ms', type: 'bigint', of: (plan) => plan.eventFloor?.atMs ?? null },
  rows('p_events', eventTable, (plan) => plan.events),
];

const FUNCTION = 'berth_code.commit';
const FUNCTION_SQL = `
CREATE FUNCTION ${FUNCTION}(${PARAMETERS.map(({ name, type }) => `${name} ${type}`).join(', ')})
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  current_epoch bigint;
  changed_hosts text[];
  kept_claims text[];
  gone_claims text[];
BEGIN
  -- Held until the end: a load, which raises it, waits for this commit or makes it fail.
  SELECT epoch INTO current_epoch FROM epoch FOR SHARE;
  IF current_epoch <> p_epoch THEN
    RAISE EXCEPTION USING ERRCODE = '${FENCED}',
      MESSAGE = format('epoch %s is newer than %s', current_epoch, p_epoch);
  END IF;
  -- Each statement sees what those before it did, and the constraints hold at every one: hosts at their
  -- largest, leases, claims given back, claims granted, claims observed, hosts as they are in the end.
  IF p_hosts IS NOT NULL THEN
    changed_hosts := ARRAY(
      SELECT new.id FROM json_populate_recordset(NULL::hosts, p_hosts) AS new
      LEFT JOIN hosts AS old USING (id)
      WHERE old.id IS NULL OR (old.body->'devices')::text <> (new.body->'devices')::text
    );
    ${putSql(hostTable, 'p_hosts')};
    -- A card may move between hosts: all leave before any arrives.
    DELETE FROM devices WHERE host_id = ANY (changed_hosts);
    ${insertSql(deviceTable, 'p_devices', 'WHERE host_id = ANY (changed_hosts)')};
    INSERT INTO host_capacity AS c (host_id, device_class, total, used, observed)
    SELECT host_id, device_class, total, 0, 0 FROM json_populate_recordset(NULL::host_capacity, p_peaks)
    ON CONFLICT (host_id, device_class) DO UPDATE SET total = excluded.total WHERE c.total < excluded.total;
  END IF;
  IF p_leases IS NOT NULL THEN
    ${putSql(leaseTable, 'p_leases')};
    -- Times may have moved. Taking and giving back the same devices would be refused on a host that has
    -- shrunk.
    kept_claims := ARRAY(
      SELECT lease_id FROM claims JOIN (
        SELECT lease_id, holding FROM json_populate_recordset(NULL::claims, p_granted_claims)
        UNION ALL SELECT lease_id, holding FROM json_populate_recordset(NULL::claims, p_observed_claims)
      ) AS new USING (lease_id, holding)
    );
    gone_claims := ARRAY(
      SELECT lease_id FROM claims
      WHERE lease_id = ANY (p_lease_ids) AND lease_id <> ALL (kept_claims)
    );
    IF gone_claims <> '{}' THEN
      DELETE FROM claim_classes WHERE lease_id = ANY (gone_claims);
      DELETE FROM claim_devices WHERE lease_id = ANY (gone_claims);
      DELETE FROM claims WHERE lease_id = ANY (gone_claims);
    END IF;
    ${claimSql('granted')}
    ${claimSql('observed')}
  END IF;
  IF p_hosts IS NOT NULL OR p_removed_hosts IS NOT NULL THEN
    DELETE FROM hosts WHERE id = ANY (p_removed_hosts);
    UPDATE host_capacity AS c SET total = 0
    WHERE total <> 0 AND (
      host_id = ANY (p_removed_hosts)
      OR host_id = ANY (p_host_ids) AND NOT EXISTS (
        SELECT 1 FROM json_populate_recordset(NULL::host_capacity, p_totals) AS new
        WHERE new.host_id = c.host_id AND new.device_class = c.device_class
      )
    );
    INSERT INTO host_capacity AS c (host_id, device_class, total, used, observed)
    SELECT host_id, device_class, total, 0, 0 FROM json_populate_recordset(NULL::host_capacity, p_totals)
    ON CONFLICT (host_id, device_class) DO UPDATE SET total = excluded.total WHERE c.total <> excluded.total;
    DELETE FROM host_capacity WHERE total = 0 AND used = 0 AND (
      host_id = ANY (p_removed_hosts)
      OR host_id = ANY (p_host_ids)
    );
  END IF;
  ${ifGiven('p_intents', putSql(intentTable, 'p_intents'))}
  IF p_closed_intents IS NOT NULL THEN
    UPDATE intents SET closed_at_ms = p_at_ms WHERE id = ANY (p_closed_intents) AND closed_at_ms IS NULL;
  END IF;
  -- Removals first: a secret hash or a name may pass from one row to another within a batch.
  ${PLAIN.map(([, table]) => plainSql(table)).join('\n  ')}
  ${ifGiven('p_usage', insertSql(usageTable, 'p_usage'))}
  IF p_removed_leases IS NOT NULL THEN
    DELETE FROM intents WHERE lease_id = ANY (p_removed_leases);
    DELETE FROM leases WHERE id = ANY (p_removed_leases);
  END IF;
  IF p_floor_seq IS NOT NULL THEN
    UPDATE event_floor SET seq = p_floor_seq, at_ms = p_floor_at_ms WHERE seq < p_floor_seq;
    IF FOUND THEN DELETE FROM events WHERE seq <= p_floor_seq; END IF;
  END IF;
  ${ifGiven('p_events', insertSql(eventTable, 'p_events'))}
  INSERT INTO batches (revision, batch_id, event_seq, at_ms)
  VALUES (p_revision, p_batch_id, (SELECT coalesce(max(seq), 0) FROM events), p_at_ms);
  DELETE FROM batches WHERE revision <= p_revision - ${BATCHES_KEPT};
END $$`;

/**
 * Plans are made once and kept, and a table may be empty when its plan is made and have millions of rows
 * later: so the writer's plans go by the keys, whatever the statistics say.
 */
const PLANS_SQL =
  'SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; ' +
  'SET enable_mergejoin = off';

/**
 * Prepares a session for commits, and sees to it that the database has the function with the text of this
 * program; nothing is written where it has. For the holder of the lock alone. Rejects as the session does.
 */
export async function prepareCommits(session: Session): Promise<void> {
  await session.ask({ text: PLANS_SQL });
  const version = createHash('sha256').update(FUNCTION_SQL).digest('hex');
  const { rows: found } = await session.ask({
    text: "SELECT obj_description(to_regproc($1), 'pg_proc') AS version",
    values: [FUNCTION],
  });
  if (found[0]?.['version'] === version) return;
  await session.transaction(() =>
    session.ask({
      text:
        `CREATE SCHEMA IF NOT EXISTS berth_code; DROP FUNCTION IF EXISTS ${FUNCTION}; ` +
        `${FUNCTION_SQL}; COMMENT ON FUNCTION ${FUNCTION} IS '${version}'`,
    }),
  );
}

/** Commits by itself: outside a transaction one statement is one. */
export function commitStatement(plan: WritePlan): Statement {
  const marks = PARAMETERS.map(({ type }, index) => `$${index + 1}::${type}`);
  return {
    name: 'commit',
    text: `SELECT ${FUNCTION}(${marks.join(', ')})`,
    values: PARAMETERS.map(({ of }) => of(plan)),
  };
}

function rows(name: string, table: Columns, of: (plan: WritePlan) => readonly Row[]): Parameter {
  return { name, type: 'json', of: (plan) => rowsJson(table, of(plan)) };
}

function ids(name: string, of: (plan: WritePlan) => readonly string[]): Parameter {
  const given = (plan: WritePlan): readonly string[] | null => {
    const list = of(plan);
    return list.length === 0 ? null : list;
  };
  return { name, type: 'text[]', of: given };
}

function claimParameters(kind: string, isMeant: (rows: ClaimRows) => boolean): readonly Parameter[] {
  const claimsOf = (plan: WritePlan): readonly ClaimRows[] =>
    plan.leases.flatMap(({ claim }) => (claim !== null && isMeant(claim) ? [claim] : []));
  return [
    rows(`p_${kind}_claims`, claimTable, (plan) => claimsOf(plan).map(({ claim }) => claim)),
    rows(`p_${kind}_classes`, claimClassTable, (plan) => claimsOf(plan).flatMap(({ classes }) => classes)),
    rows(`p_${kind}_devices`, claimDeviceTable, (plan) => claimsOf(plan).flatMap(({ devices }) => devices)),
  ];
}

function totalRows(plan: WritePlan, of: 'peaks' | 'totals'): readonly Row[] {
  return plan.hosts.flatMap((host) =>
    host[of].map(([deviceClass, total]): Row => [host.id, deviceClass, total]),
  );
}

function plainOf(plan: WritePlan, entity: PlainEntity): WritePlan['plain'][number] | undefined {
  return plan.plain.find((one) => one.entity === entity);
}

function claimSql(kind: string): string {
  const isNew = 'WHERE lease_id <> ALL (kept_claims)';
  return ifGiven(
    `p_${kind}_claims`,
    [
      putSql(claimTable, `p_${kind}_claims`),
      insertSql(claimClassTable, `p_${kind}_classes`, isNew),
      insertSql(claimDeviceTable, `p_${kind}_devices`, isNew),
    ].join('; '),
  );
}

function plainSql(table: Columns): string {
  const removed = `p_removed_${table.name}`;
  return [
    ifGiven(removed, `DELETE FROM ${table.name} WHERE id = ANY (${removed})`),
    ifGiven(`p_${table.name}`, putSql(table, `p_${table.name}`)),
  ].join('\n  ');
}

function ifGiven(parameter: string, statements: string): string {
  return `IF ${parameter} IS NOT NULL THEN ${statements}; END IF;`;
}

function insertSql({ name, columns }: Columns, parameter: string, where = ''): string {
  const list = columns.join(', ');
  return (
    `INSERT INTO ${name} (${list}) ` +
    `SELECT ${list} FROM json_populate_recordset(NULL::${name}, ${parameter}) ${where}`
  );
}

/** Adds rows, or replaces all their columns where the key (the first column) is there already. */
function putSql(table: Columns, parameter: string): string {
  const [key, ...others] = table.columns;
  const updates = others.map((other) => `${other} = excluded.${other}`);
  return `${insertSql(table, parameter)} ON CONFLICT (${key}) DO UPDATE SET ${updates.join(', ')}`;
}
