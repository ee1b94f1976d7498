/** What an operator should know about how the database keeps what it has confirmed. */
import { numberAt, textAt, theRow } from '../row.ts';
import type { Session } from './session.ts';

export async function durabilityWarnings(session: Session): Promise<readonly string[]> {
  const { rows } = await session.ask({
    text:
      "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_standby_names') AS names, " +
      '(SELECT count(*) FROM pg_stat_replication) AS standbys',
  });
  const row = theRow(rows[0]);
  const warnings: string[] = [];
  if (textAt(row, 'fsync') !== 'on') {
    warnings.push('the database runs with fsync off: a power cut loses leases that were acknowledged');
  }
  if (numberAt(row, 'standbys') > 0 && textAt(row, 'names') === '') {
    warnings.push(
      'the database has standbys, but none is synchronous: a failover loses the leases that were ' +
        'acknowledged last; set synchronous_standby_names, see docs/operate/postgresql.md',
    );
  }
  return warnings;
}
