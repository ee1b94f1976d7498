/** Reads of the table `usage`, and of what is held still. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LeaseId } from '../../base/ids.ts';
import type { UsageQuery, UsageSum } from '../../engine/ports.ts';
import { parseUsageSum, parseUsed } from '../decode.ts';
import { sumSql, usedSql, type UsageDialect } from '../usage-sql.ts';

/** Methods throw what SQLite throws. */
export interface UsageReader {
  sum(query: UsageQuery): readonly UsageSum[];
  used(leaseIds: readonly LeaseId[]): ReadonlyMap<LeaseId, number>;
}

const DIALECT: UsageDialect = {
  least: 'min',
  greatest: 'max',
  purpose: "lease.body ->> '$.request.purpose'",
  mark: (name) => `:${name}`,
};

export function createUsageReader(db: DatabaseSync): UsageReader {
  const statements = new Map<string, StatementSync>();
  const used = db.prepare(usedSql('SELECT value FROM json_each(?)'));
  return {
    sum(query) {
      const sql = sumSql(query, DIALECT);
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
    used: (leaseIds) => new Map(used.all(JSON.stringify(leaseIds)).map(parseUsed)),
  };
}
