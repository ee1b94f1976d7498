/** One lease on a cloud of the contract, led by the planner from its start to its end. */
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../src/base/clock.ts';
import { asId } from '../../src/base/ids.ts';
import type { Lease, LeaseState } from '../../src/domain/model/lease.ts';
import { leaseIn, STATES } from '../../src/domain/provision/provision.fixtures.ts';
import type { ServerSeen, Sighting } from '../../src/domain/provision/sighting.ts';
import type { CloudPlacement, Ownership, Rights } from '../../src/engine/cloud-account.ts';
import type { Provider } from '../../src/engine/ports.ts';
import type { Scope } from '../../src/openstack/credentials.ts';
import { createHomes, type Homes } from '../../src/openstack/homes.ts';
import { hostIdOf } from '../../src/openstack/inventory.ts';
import type { OpenStackSession } from '../../src/openstack/session.ts';
import { follow, type Brought, type Follow } from '../support/follow.ts';
import { afterwards, type Bench } from './bench.ts';
import { simProvider } from '../support/sim-provider.ts';

const PROVIDER_ID = asId<'provider'>('contract');
/** What a life has to be over in, whatever the cloud: the test's own limit comes first. */
const ROUNDS_MAX = 2000;
export const PUBLIC_KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0000000000000000000000000000000000000000000 contract';

export interface LifeOptions {
  readonly own: OpenStackSession;
  readonly inScope?: (scope: Scope) => OpenStackSession;
  readonly ownership: Ownership;
  readonly placement: CloudPlacement;
  readonly rights: Rights;
  /** Of the lease: whose it is, and where. */
  readonly ownerId: string;
  readonly projectId: string;
  readonly flavorName: string;
  /** The host that the lease's claim names. */
  readonly hostName?: string;
}

export interface Life {
  readonly provider: Provider;
  readonly homes: Homes;
  readonly lease: () => Lease;
  /** What carries this mark belongs to the lease. */
  readonly mark: string;
  bring(goal: 'running' | 'shelved' | 'back' | 'gone', more?: Hooks): Promise<Brought>;
  see(): Promise<Sighting>;
  /** Its one server. Throws if there is none, or more. */
  server(): Promise<ServerSeen>;
}

export type Hooks = Pick<Follow, 'beforeStep' | 'lostCallMs'>;

/** Ends with the test: whatever happens, nothing of it is left. */
export function createLife({ target }: Bench, options: LifeOptions): Life {
  const deploymentId = `contract-${randomUUID().slice(0, 8)}`;
  const { own, ownership, placement, rights } = options;
  const homes = createHomes({ ownership, placement, own, inScope: options.inScope ?? null });
  const provider = simProvider(
    { deploymentId: () => deploymentId, session: own, clock: systemClock },
    { id: PROVIDER_ID, homes, placement, allProjects: ownership !== 'service', rights: () => rights },
  );
  let lease = freshLease(options);
  const see = (): Promise<Sighting> => provider.inspect({ deploymentId, lease });
  const bring: Life['bring'] = (wanted, hooks = {}) => {
    lease = { ...lease, state: stateFor(wanted, options.hostName ?? 'any') };
    return follow({
      ...hooks,
      provider,
      deploymentId,
      goal: wanted === 'back' ? 'running' : wanted,
      clock: systemClock,
      lease: () => lease,
      record: (refs) => (lease = { ...lease, refs: { ...lease.refs, ...refs } }),
      pollMs: target.pace.pollMs,
      roundsMax: ROUNDS_MAX,
    });
  };
  afterwards(async () => {
    await target.clearFaults();
    await bring('gone');
  });
  return {
    provider,
    homes,
    lease: () => lease,
    mark: `berth:${deploymentId}:${lease.id}`,
    bring,
    see,
    async server() {
      const { servers } = await see();
      const [server, ...others] = servers.filter(({ status }) => status !== 'DELETED');
      if (server === undefined || others.length > 0)
        throw new Error(`not one server: ${JSON.stringify(servers)}`);
      return server;
    },
  };
}

/** As the engine would have it at that time. */
function stateFor(wanted: Parameters<Life['bring']>[0], hostName: string): LeaseState {
  const claim = { ...STATES.starting.claim, hostId: hostIdOf(PROVIDER_ID, hostName) };
  switch (wanted) {
    case 'running':
      return { ...STATES.starting, claim };
    case 'shelved':
      return { ...STATES.shelving, claim, sinceMs: systemClock.wallMs() };
    case 'back':
      return { ...STATES.comeback, claim };
    case 'gone':
      return { ...STATES.ending, claim };
  }
}

function freshLease({ ownerId, projectId, flavorName }: LifeOptions): Lease {
  const fresh = leaseIn(STATES.starting);
  const flavorId = asId<'flavor'>(`${PROVIDER_ID}:${flavorName}`);
  return {
    ...fresh,
    id: asId(randomUUID()),
    ownerId,
    projectId: asId(projectId),
    name: `contract-${randomUUID().slice(0, 8)}`,
    request: { ...fresh.request, flavorId, flavorName, sshPublicKey: PUBLIC_KEY },
  };
}
