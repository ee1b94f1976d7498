/** Sums over what was held, in SQL: the records of what was given back, and what is held still. */
import type { UsageKey, UsageQuery } from '../engine/ports.ts';

/** In which the databases differ. */
export interface UsageDialect {
  /** Functions for the smaller and the larger of two values. */
  readonly least: string;
  readonly greatest: string;
  /** The purpose of a lease, out of its body. */
  readonly purpose: string;
  /** How the statement names a value that is given to it. */
  readonly mark: (name: UsageValue) => string;
}

export type UsageValue = 'from' | 'until' | 'project' | 'owner' | 'limit';

interface Group {
  /** What is grouped by. */
  readonly by: string;
  /** What is told of each group. */
  readonly told: Readonly<Record<string, string>>;
}

const GROUPS: Readonly<Record<UsageKey, Group>> = {
  project: { by: 'project_id', told: { project_id: 'project_id', project_name: 'max(project_name)' } },
  user: { by: 'owner_id', told: { owner_id: 'owner_id' } },
  class: { by: 'device_class', told: { device_class: 'device_class' } },
  flavor: { by: 'flavor_id', told: { flavor_id: 'flavor_id', flavor_name: 'max(flavor_name)' } },
  purpose: { by: 'purpose', told: { purpose: 'purpose' } },
};

const NOTHING_TOLD: Readonly<Record<string, string>> = {
  project_id: 'NULL',
  project_name: 'NULL',
  owner_id: 'NULL',
  device_class: 'NULL',
  flavor_id: 'NULL',
  flavor_name: 'NULL',
  purpose: 'NULL',
};

/** Device-ms by lease, of the leases in the list that `ids` stands for. */
export function usedSql(ids: string): string {
  return (
    'SELECT lease_id, CAST(sum(count * (until_ms - from_ms)) AS BIGINT) AS device_ms FROM usage ' +
    `WHERE lease_id IN (${ids}) GROUP BY lease_id`
  );
}

/** One of at most 256 statements: by keys, filters, and whether what runs is counted. */
export function sumSql(query: UsageQuery, dialect: UsageDialect): string {
  const parts = [recordsSql(query, dialect), ...(query.withRunning ? [runningSql(query, dialect)] : [])];
  const told = Object.assign({}, NOTHING_TOLD, ...query.by.map((key) => GROUPS[key].told));
  const columns = Object.entries<string>(told).map(([name, expression]) => `${expression} AS ${name}`);
  const groups = query.by.map((key) => GROUPS[key].by);
  // Without groups a sum over nothing would be one row, of null.
  const grouping = groups.length === 0 ? 'HAVING count(*) > 0' : `GROUP BY ${groups.join(', ')}`;
  return (
    `SELECT ${columns.join(', ')}, CAST(sum(device_ms) AS BIGINT) AS device_ms ` +
    `FROM (${parts.join(' UNION ALL ')}) AS held ${grouping} LIMIT ${dialect.mark('limit')}`
  );
}

/**
 * A record that reaches into the interval began before its end, and at most the longest time of all before
 * its beginning: a range of the index by beginning, however old the table is.
 */
function recordsSql(query: UsageQuery, { least, greatest, mark }: UsageDialect): string {
  const [from, until] = [mark('from'), mark('until')];
  return (
    'SELECT project_id, project_name, owner_id, device_class, flavor_id, flavor_name, purpose, ' +
    `count * (${least}(until_ms, ${until}) - ${greatest}(from_ms, ${from})) AS device_ms FROM usage ` +
    `WHERE from_ms < ${until} AND until_ms > ${from} AND from_ms >= ${from} - (` +
    'SELECT coalesce(max(lengths.longest), 0) FROM (' +
    'SELECT until_ms - from_ms AS longest FROM usage ORDER BY until_ms - from_ms DESC LIMIT 1) AS lengths)' +
    filters(query, mark, 'usage')
  );
}

/** The claims are few, whatever the number of leases: those that hold something now. */
function runningSql(query: UsageQuery, { greatest, purpose, mark }: UsageDialect): string {
  const [from, until] = [mark('from'), mark('until')];
  return (
    'SELECT lease.project_id, coalesce(project.name, lease.project_id), lease.owner_id, ' +
    `claim.device_class, lease.flavor_id, lease.flavor_name, ${purpose}, ` +
    `claim.count * (${until} - ${greatest}(lease.claimed_at_ms, ${from})) ` +
    'FROM claim_classes AS claim JOIN leases AS lease ON lease.id = claim.lease_id ' +
    'LEFT JOIN projects AS project ON project.id = lease.project_id ' +
    `WHERE claim.held = 1 AND lease.claimed_at_ms < ${until}` +
    filters(query, mark, 'lease')
  );
}

function filters({ projectId, ownerId }: UsageQuery, mark: UsageDialect['mark'], table: string): string {
  const ofProject = projectId === null ? '' : ` AND ${table}.project_id = ${mark('project')}`;
  return ofProject + (ownerId === null ? '' : ` AND ${table}.owner_id = ${mark('owner')}`);
}
