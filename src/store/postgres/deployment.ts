/** A look at a database that a server may be using: without its lock, and without changing anything. */
import type { Clock } from '../../base/clock.ts';
import { textAt } from '../row.ts';
import { ANY_TIMELINE, connectPrimary, type SessionLimits } from './connect.ts';
import type { PasswordSources } from './password.ts';
import type { Address } from './url.ts';

const LIMITS: SessionLimits = { statementMs: 5000, lockMs: 1000, callMs: 6000 };

/** What marks everything that the deployment has made outside; null: it is not Berth's database yet. */
export async function readDeploymentId(
  database: { readonly address: Address; readonly passwords: PasswordSources },
  clock: Clock,
): Promise<string | null> {
  const connector = { ...database, clock, name: 'berth doctor' };
  const { session } = await connectPrimary(connector, LIMITS, ANY_TIMELINE);
  try {
    const { rows } = await session.ask({ text: 'SELECT deployment_id FROM control' });
    return rows[0] === undefined ? null : textAt(rows[0], 'deployment_id');
  } finally {
    await session.end();
  }
}
