/** Reads of the table `usage`, and of what is held still. */
import type { LeaseId } from '../../base/ids.ts';
import type { UsageQuery, UsageSum } from '../../engine/ports.ts';
import { parseUsageSum, parseUsed } from '../decode.ts';
import { sumSql, usedSql, type UsageValue } from '../usage-sql.ts';
import type { Ask } from './reader.ts';

/** Not prepared: the best plan depends on how much of the table the interval is. */
export async function sumUsage(ask: Ask, query: UsageQuery): Promise<readonly UsageSum[]> {
  const given: Readonly<Record<UsageValue, string | number | null>> = {
    from: query.fromMs,
    until: query.untilMs,
    project: query.projectId,
    owner: query.ownerId,
    limit: query.limit,
  };
  const names: UsageValue[] = [];
  const text = sumSql(query, {
    least: 'least',
    greatest: 'greatest',
    purpose: "lease.body #>> '{request,purpose}'",
    mark(name) {
      if (!names.includes(name)) names.push(name);
      return `$${names.indexOf(name) + 1}${typeof given[name] === 'number' ? '::bigint' : ''}`;
    },
  });
  return (await ask({ text, values: names.map((name) => given[name]) })).map(parseUsageSum);
}

export async function readUsed(
  ask: Ask,
  leaseIds: readonly LeaseId[],
): Promise<ReadonlyMap<LeaseId, number>> {
  const rows = await ask({
    name: 'used',
    text: usedSql('SELECT unnest($1::text[])'),
    values: [leaseIds],
  });
  return new Map(rows.map(parseUsed));
}
