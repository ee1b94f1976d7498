/**
 * OpenStack as a source of hosts and as the hands that work there. It reads everything in one poll, and makes
 * exactly the one call that a step names; what is next, and whether to repeat, is decided elsewhere.
 */
import { assertDefined, unreachable } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { correlated, leaseRequestId } from '../base/correlation.ts';
import type { ProviderId } from '../base/ids.ts';
import type { Connection, Lease, ProviderRefs } from '../domain/model/lease.ts';
import { NO_SETUP } from '../domain/model/setup.ts';
import type { FloatingIpSeen, PortSeen, ServerSeen, Sighting, Step } from '../domain/provision/sighting.ts';
import { claimOf } from '../domain/world.ts';
import type { CloudPlacement, Rights } from '../engine/cloud-account.ts';
import {
  ProviderError,
  type Borrower,
  type Objection,
  type Provider,
  type Subject,
} from '../engine/ports.ts';
import { novaFlavorId, type Aliases } from './gpu-flavor.ts';
import type { Homes } from './homes.ts';
import { borrowerMetadata, markMetadata, markOf, markText, termsMetadata } from './marks.ts';
import * as servers from './nova/servers.ts';
import * as floatingIps from './neutron/floatingips.ts';
import * as ports from './neutron/ports.ts';
import type { CloudReadiness } from './readiness/readiness.ts';
import { floatingIpSeen, portSeen, serverSeen, serviceHostOf } from './seen.ts';
import { ServerWatch } from './server-watch.ts';
import type { OpenStackSession } from './session.ts';
import { createSnapshots, type SnapshotOptions } from './snapshot.ts';
import { Surroundings, type SurroundingsOptions } from './surroundings.ts';
import { addressIsFloating, securityGroupIdsOf } from './machine.ts';
import { userDataOf } from './user-data.ts';
import type { Catalogue } from '../profiles/catalogue.ts';

export interface OpenStackProviderOptions extends SurroundingsOptions {
  readonly id: ProviderId;
  /** Known once the store is open; marks what is ours. */
  readonly deploymentId: () => string;
  /** In whose project servers are made. */
  readonly homes: Homes;
  /** Who picks the host. */
  readonly placement: CloudPlacement;
  /** Whether leases may live in other projects than Berth's own. */
  readonly allProjects: boolean;
  /** What Berth's account may see, as far as that is known; null: not yet. */
  readonly rights: () => Rights | null;
  readonly clock: Clock;
  /** Login user of the images. */
  readonly user: string;
  readonly sshPort: number;
  /** When a server counts as usable. */
  readonly readiness: CloudReadiness;
  /** User data from a config drive: for networks without metadata service. */
  readonly configDrive: boolean;
  /** What machines can be set up with. */
  readonly profiles: Catalogue;
  readonly aliases: Aliases;
  readonly vcpuRatio: number;
  readonly hosts: SnapshotOptions['hosts'];
}

/** The options, and what is kept between calls: nothing that a crash could cost. */
interface Cloud extends OpenStackProviderOptions {
  readonly surroundings: Surroundings;
  readonly watch: () => ServerWatch;
}

export function createOpenStackProvider(options: OpenStackProviderOptions): Provider {
  const { id, homes, clock, readiness } = options;
  const session = homes.own;
  const surroundings = new Surroundings(options, clock);
  const watches = {
    true: new ServerWatch(session, clock, true),
    false: new ServerWatch(session, clock, false),
  };
  const cloud = { ...options, surroundings, watch: () => watches[`${seesAll(options)}`] };
  const takeSnapshot = createSnapshots({ ...options, session });
  return {
    id,
    kind: 'openstack',
    callTimeoutMs: session.callTimeoutMs,
    get wantsFloatingIp() {
      return surroundings.wantsFloatingIp;
    },
    get overridesLocks() {
      return seesAll(options);
    },
    async snapshot(isCounted) {
      await surroundings.settle(session);
      return takeSnapshot(isCounted);
    },
    inspect: (subject) => forLease(subject, () => inspect(cloud, subject)),
    watch: (_subject, sighting) => watch(cloud, sighting),
    perform: (step, subject) => forLease(subject, () => perform(cloud, step, subject)),
    connection: ({ lease }, sighting) => connectionOf(cloud, lease, sighting),
    probe: (subject, connection, sighting) =>
      forLease(subject, () => readiness.probe(subject, connection, sighting, session)),
    admit: (borrower) => admit(cloud, borrower),
  };
}

/** What is done for a lease can be found in the logs of the cloud by its id. */
function forLease<T>({ lease }: Subject, work: () => T): T {
  return correlated(leaseRequestId(lease.id), work);
}

async function admit(cloud: Cloud, borrower: Borrower): Promise<Objection | null> {
  const { homes, surroundings } = cloud;
  const objectionTo = (field: Objection['field'], fix: string) => (error: unknown) => {
    if (!(error instanceof ProviderError) || !OBJECTIONS.has(error.code)) throw error;
    return { message: `The cloud would refuse it: ${error.message}.`, fix, field };
  };
  const toBorrower = objectionTo(null, 'Once that is done, ask again.');
  const toImage = objectionTo('image', 'Name an image of `openstack image list`.');
  let home: OpenStackSession;
  try {
    home = await homes.admit(borrower);
    await requireSight(cloud, { ...borrower, ownerId: borrower.userId });
    await surroundings.networkId(home, borrower.setup ?? NO_SETUP);
  } catch (error) {
    return toBorrower(error);
  }
  if (borrower.setup?.address === 'floating' && !surroundings.wantsFloatingIp) return NO_FLOATING_IPS;
  return surroundings.imageId(home, borrower.image).then(() => null, toImage);
}

const NO_FLOATING_IPS: Objection = {
  message: 'This cloud gives no floating IPs to borrowed machines.',
  fix: 'Leave the address out, or ask for the fixed one.',
  field: 'address',
};

const OBJECTIONS: ReadonlySet<ProviderError['code']> = new Set(['forbidden', 'not_found', 'bad_request']);

/**
 * An ordinary member sees nothing of other projects, and what is not seen must not count as gone. Rejects
 * with ProviderError `forbidden`.
 */
async function requireSight(cloud: Cloud, lease: Pick<Lease, 'projectId' | 'ownerId'>): Promise<void> {
  if (seesAll(cloud) || (await cloud.homes.of(lease)) === cloud.homes.own) return;
  const text =
    `Berth's account has the rights of an ordinary member, and sees nothing of project ${lease.projectId}: ` +
    "give it the role admin, or configure ownership 'service'";
  throw new ProviderError('forbidden', 'none', text);
}

/** With full rights everything is read as an administrator; an ordinary member has its own project only. */
function seesAll({ rights }: Pick<OpenStackProviderOptions, 'rights'>): boolean {
  return rights() !== 'member';
}

async function inspect(cloud: Cloud, subject: Subject): Promise<Sighting> {
  const { homes, surroundings } = cloud;
  const { lease } = subject;
  const session = homes.own;
  await requireSight(cloud, lease);
  await surroundings.settle(session);
  const mark = markText(cloud.deploymentId(), lease.id);
  const port = await seePort(session, lease, mark);
  const [found, floatingIp] = await Promise.all([
    seeServers(cloud, lease, mark, port),
    seeFloatingIp(session, lease, mark),
  ]);
  return { port: await seeAgain(session, port, found), servers: found, floatingIp, dateMs: session.dateMs() };
}

/** Nova plugs a server in before it is ACTIVE, so of one that is, the port's older record says nothing. */
async function seeAgain(
  session: OpenStackSession,
  port: PortSeen | null,
  found: readonly ServerSeen[],
): Promise<PortSeen | null> {
  if (port === null || !found.some(({ id, status }) => status === 'ACTIVE' && id !== port.serverId))
    return port;
  const again = await ports.findPort(session, port.id);
  return again === null ? null : portSeen(again);
}

async function watch(cloud: Cloud, sighting: Sighting): Promise<Sighting> {
  const found = await Promise.all(sighting.servers.map((server) => cloud.watch().see(server.id)));
  const seen = found.filter((server) => server !== null).map((server) => serverSeen(server, cloud.id));
  return { ...sighting, servers: seen, dateMs: cloud.homes.own.dateMs() };
}

/** By id; else by name, of which only our mark in the description is proof. */
async function seePort(session: OpenStackSession, lease: Lease, mark: string): Promise<PortSeen | null> {
  const { portId } = lease.refs;
  const known = portId === null ? null : await ports.findPort(session, portId);
  if (known !== null) return portSeen(known);
  const named = await ports.listPorts(session, { name: portName(lease) });
  const ours = named.find(({ description }) => description === mark);
  return ours === undefined ? null : portSeen(ours);
}

async function seeFloatingIp(
  session: OpenStackSession,
  lease: Lease,
  mark: string,
): Promise<FloatingIpSeen | null> {
  const { floatingIpId } = lease.refs;
  const known = floatingIpId === null ? null : await floatingIps.findFloatingIp(session, floatingIpId);
  if (known !== null) return floatingIpSeen(known);
  const marked = await floatingIps.listFloatingIps(session, { description: mark });
  const ours = marked.find(({ description }) => description === mark);
  return ours === undefined ? null : floatingIpSeen(ours);
}

/**
 * All with our tag; and what the refs and the port name, since an owner may have removed the tag. A server
 * that is plugged into our port without our mark is somebody else's.
 */
async function seeServers(
  cloud: Cloud,
  lease: Lease,
  mark: string,
  port: PortSeen | null,
): Promise<readonly ServerSeen[]> {
  const { id } = cloud;
  const session = cloud.homes.own;
  const tagged = await servers.findServersByTag(session, { tag: mark, allTenants: seesAll(cloud) });
  const known = new Set(tagged.map((server) => server.id));
  const named = [lease.refs.serverId, port?.serverId ?? null].filter((serverId) => serverId !== null);
  const missing = [...new Set(named)].filter((serverId) => !known.has(serverId));
  const others = await Promise.all(missing.map((serverId) => servers.findServer(session, serverId)));
  const isOurs = (server: servers.Server): boolean => {
    const found = markOf(server);
    const isMarked = found?.deploymentId === cloud.deploymentId() && found.leaseId === lease.id;
    return isMarked || server.id === lease.refs.serverId;
  };
  const ours = others.filter((server) => server !== null).filter(isOurs);
  return [...tagged, ...ours].map((server) => serverSeen(server, id));
}

async function perform(cloud: Cloud, step: Step, { lease }: Subject): Promise<Partial<ProviderRefs>> {
  // What is there may always be taken away, whatever its borrower's delegation has become.
  const session = cloud.homes.own;
  switch (step.kind) {
    case 'createPort':
    case 'createServer':
    case 'createFloatingIp':
      return create(cloud, step, lease);
    case 'associateFloatingIp': {
      const { id, address } = await floatingIps.associateFloatingIp(session, step.id, step.portId);
      return { floatingIpId: id, address };
    }
    case 'deleteFloatingIp':
      await floatingIps.deleteFloatingIp(session, step.id);
      return { floatingIpId: null };
    case 'deleteServer':
      await servers.deleteServer(session, step.id);
      return {};
    case 'deletePort':
      await ports.deletePort(session, step.id);
      return { portId: null };
    case 'unshelve':
      await unshelve(cloud, step.id, lease);
      return {};
    case 'shelve':
    case 'shelveOffload':
    case 'unlock':
      await servers.actOnServer(session, step.id, step.kind);
      return {};
    case 'resetState':
      await servers.resetServerState(session, step.id);
      return {};
    case 'lock':
      await lock(session, step);
      return {};
    case 'snapshot':
      await servers.snapshotServer(session, step.id, step.name);
      return {};
    default:
      return unreachable(step);
  }
}

async function create(
  cloud: Cloud,
  { kind }: Extract<Step, { readonly kind: 'createPort' | 'createServer' | 'createFloatingIp' }>,
  lease: Lease,
): Promise<Partial<ProviderRefs>> {
  try {
    const home = await cloud.homes.of(lease);
    if (kind === 'createPort') return await createPort(cloud, home, lease);
    if (kind === 'createServer') return { serverId: await createServer(cloud, home, lease) };
    return await createFloatingIp(cloud, home, lease);
  } catch (error) {
    // It may have been built on something that is there no more.
    if (error instanceof ProviderError && error.effect === 'none') cloud.surroundings.forget();
    throw error;
  }
}

async function createPort(
  cloud: Cloud,
  home: OpenStackSession,
  lease: Lease,
): Promise<Partial<ProviderRefs>> {
  const setup = lease.request.setup ?? NO_SETUP;
  const networkId = await cloud.surroundings.networkId(home, setup);
  const description = markText(cloud.deploymentId(), lease.id);
  const securityGroupIds = await securityGroupIdsOf(cloud, home, setup);
  const port = await ports.createPort(home, {
    networkId,
    name: portName(lease),
    description,
    securityGroupIds,
  });
  return { portId: port.id, address: port.address };
}

async function createServer(cloud: Cloud, home: OpenStackSession, lease: Lease): Promise<string> {
  const deploymentId = cloud.deploymentId();
  const portId = assertDefined(lease.refs.portId, 'the port is recorded before its server is created');
  return servers.createServer(home, {
    name: lease.name === '' ? portName(lease) : lease.name,
    flavorId: novaFlavorId(cloud.id, lease.request.flavorId),
    imageId: await cloud.surroundings.imageId(home, lease.request.image),
    portId,
    tags: [markText(deploymentId, lease.id)],
    metadata: {
      ...markMetadata(deploymentId, lease.id),
      ...borrowerMetadata(lease),
      ...termsMetadata(lease.request),
    },
    userData: userDataOf(lease, {
      catalogue: cloud.profiles,
      user: cloud.user,
      phoneHomeUrl: cloud.readiness.phoneHomeUrl(lease.id, portId),
    }),
    configDrive: cloud.configDrive,
    host: pinnedHost(cloud, lease),
  });
}

async function createFloatingIp(
  cloud: Cloud,
  home: OpenStackSession,
  lease: Lease,
): Promise<Partial<ProviderRefs>> {
  const networkId = await cloud.surroundings.settle(cloud.homes.own);
  const ip = await floatingIps.createFloatingIp(home, {
    networkId: assertDefined(networkId, 'floating IPs need an external network'),
    portId: assertDefined(lease.refs.portId, 'the port is recorded before its floating IP is created'),
    description: markText(cloud.deploymentId(), lease.id),
  });
  return { floatingIpId: ip.id, address: ip.address };
}

function unshelve(cloud: Cloud, serverId: string, lease: Lease): Promise<undefined> {
  const session = cloud.homes.own;
  const host = pinnedHost(cloud, lease);
  if (host === null) return servers.actOnServer(session, serverId, 'unshelve');
  return servers.unshelveTo(session, serverId, host);
}

/** Where the policy keeps locks from us, the shelf does without: the queue is a rule, the lock a reminder. */
async function lock(
  session: OpenStackSession,
  { id, reason }: Extract<Step, { readonly kind: 'lock' }>,
): Promise<void> {
  try {
    await servers.lockServer(session, id, reason);
  } catch (error) {
    if (!(error instanceof ProviderError) || error.code !== 'forbidden') throw error;
  }
}

/** The service host of the lease's claim, where Berth picks it; null: Nova does. */
function pinnedHost({ placement, id }: Cloud, lease: Lease): string | null {
  const claim = placement === 'pinned' ? claimOf(lease) : null;
  return claim === null ? null : serviceHostOf(id, claim.hostId);
}

function connectionOf(cloud: Cloud, lease: Lease, { port, floatingIp }: Sighting): Connection | null {
  const isFloating = addressIsFloating(cloud.surroundings.wantsFloatingIp, lease);
  const host = isFloating ? floatingIp?.address : port?.address;
  return host === undefined || host === null ? null : { host, port: cloud.sshPort, user: cloud.user };
}

function portName(lease: Lease): string {
  return `berth-${lease.id}`;
}
