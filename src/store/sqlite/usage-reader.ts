/** Sums over what was held: the records of what was given back, and what is held still. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LeaseId } from '../../base/ids.ts';
import type { UsageKey, UsageQuery, UsageSum } from '../../engine/ports.ts';
import { parseUsageSum } from '../decode.ts';
import { numberAt, textAt } from '../row.ts';

/** Methods throw what SQLite throws. */
export interface UsageReader {
  sum(query: UsageQuery): readonly UsageSum[];
  used(leaseIds: readonly LeaseId[]): ReadonlyMap<LeaseId, number>;
}

/** For each key what is grouped by, and what is told of each group. */
const GROUPS: Readonly<
  Record<UsageKey, { readonly by: string; readonly told: Readonly<Record<string, string>> }>
> = {
  project: { by: 'project_id', told: { project_id: 'project_id', project_name: 'max(project_name)' } },
  user: { by: 'owner_id', told: { owner_id: 'owner_id' } },
  class: { by: 'device_class', told: { device_class: 'device_class' } },
  flavor: { by: 'flavor_id', told: { flavor_id: 'flavor_id', flavor_name: 'max(flavor_name)' } },
  purpose: { by: 'purpose', told: { purpose: 'purpose' } },
};

/**
 * A record that reaches into the interval began before its end, and at most the longest time of all before its
 * beginning: a range of the index by beginning, however old the table is.
 */
const RECORDS =
  'SELECT project_id, project_name, owner_id, device_class, flavor_id, flavor_name, purpose, ' +
  'count * (min(until_ms, :until) - max(from_ms, :from)) AS device_ms FROM usage ' +
  'WHERE from_ms < :until AND until_ms > :from AND from_ms >= :from - ' +
  '(SELECT coalesce(max(longest), 0) FROM ' +
  '(SELECT until_ms - from_ms AS longest FROM usage ORDER BY until_ms - from_ms DESC LIMIT 1))';

/** The claims are few, whatever the number of leases: those that hold something now. */
const RUNNING =
  'SELECT lease.project_id, coalesce(project.name, lease.project_id) AS project_name, lease.owner_id, ' +
  "held.device_class, lease.flavor_id, lease.flavor_name, lease.body ->> '$.request.purpose' AS purpose, " +
  'held.count * (:until - max(lease.claimed_at_ms, :from)) AS device_ms ' +
  'FROM claim_classes AS held JOIN leases AS lease ON lease.id = held.lease_id ' +
  'LEFT JOIN projects AS project ON project.id = lease.project_id ' +
  'WHERE held.held = 1 AND lease.claimed_at_ms < :until';

export function createUsageReader(db: DatabaseSync): UsageReader {
  const statements = new Map<string, StatementSync>();
  const used = db.prepare(
    'SELECT lease_id, sum(count * (until_ms - from_ms)) AS device_ms FROM usage ' +
      'WHERE lease_id IN (SELECT value FROM json_each(?)) GROUP BY lease_id',
  );
  return {
    sum(query) {
      const sql = sumSql(query);
      const statement = statements.get(sql) ?? db.prepare(sql);
      statements.set(sql, statement);
      const { fromMs, untilMs, projectId, ownerId, limit } = query;
      const rows = statement.all({
        from: fromMs,
        until: untilMs,
        limit,
        ...(projectId !== null && { project: projectId }),
        ...(ownerId !== null && { owner: ownerId }),
      });
      return rows.map(parseUsageSum);
    },
    used(leaseIds) {
      const rows = used.all(JSON.stringify(leaseIds));
      return new Map(rows.map((row) => [textAt(row, 'lease_id') as LeaseId, numberAt(row, 'device_ms')]));
    },
  };
}

/** One of at most 256 statements: by keys, filters, and whether what runs is counted. */
function sumSql({ by, projectId, ownerId, withRunning }: UsageQuery): string {
  const filters = [
    projectId === null ? '' : ' AND #.project_id = :project',
    ownerId === null ? '' : ' AND #.owner_id = :owner',
  ].join('');
  const records = RECORDS + filters.replaceAll('#', 'usage');
  const parts = withRunning ? [records, RUNNING + filters.replaceAll('#', 'lease')] : [records];
  const told = { ...NOTHING_TOLD, ...Object.assign({}, ...by.map((key) => GROUPS[key].told)) };
  const columns = Object.entries(told).map(([name, expression]) => `${expression} AS ${name}`);
  const groups = by.map((key) => GROUPS[key].by);
  // Without groups a sum over nothing would be one row, of null.
  const grouping = groups.length === 0 ? 'HAVING count(*) > 0' : `GROUP BY ${groups.join(', ')}`;
  return (
    `SELECT ${columns.join(', ')}, sum(device_ms) AS device_ms FROM (${parts.join(' UNION ALL ')}) ` +
    `${grouping} LIMIT :limit`
  );
}

const NOTHING_TOLD = {
  project_id: 'NULL',
  project_name: 'NULL',
  owner_id: 'NULL',
  device_class: 'NULL',
  flavor_id: 'NULL',
  flavor_name: 'NULL',
  purpose: 'NULL',
} as const;
