/** A session with a database of the newest schema whose lock we have: for a transfer, without a server. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Ids } from '../../base/ids.ts';
import { newDeploymentId } from '../control.ts';
import { ANY_TIMELINE, connectPrimary } from './connect.ts';
import { lockDatabase } from './lock.ts';
import { migrate, readMigrations } from './migrations.ts';
import type { PasswordSources } from './password.ts';
import type { Session } from './session.ts';
import { printAddress, type Address } from './url.ts';

/** One statement may carry and compare half a thousand leases. */
const LIMITS = { statementMs: 60_000, lockMs: 5000, callMs: 90_000 };

/** Rejects with StoreLockedError, SchemaError, StoreError, or what the driver says. */
export async function openBare(options: {
  readonly address: Address;
  readonly passwords: PasswordSources;
  readonly version: string;
  readonly clock: Clock;
  readonly ids: Ids;
}): Promise<Session> {
  const { address, passwords, clock, version } = options;
  const name = `berth ${version.slice(0, 20)} ${randomUUID()}`;
  const { session } = await connectPrimary({ address, passwords, clock, name }, LIMITS, ANY_TIMELINE);
  try {
    await lockDatabase(session, { address: printAddress(address), sessionName: name });
    await migrate(session, readMigrations(), newDeploymentId(options.ids.next()));
    return session;
  } catch (error) {
    session.destroy();
    throw error;
  }
}
