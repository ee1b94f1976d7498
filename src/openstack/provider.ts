/**
 * OpenStack as a source of hosts and as the hands that work there. It reads everything in one poll, and makes
 * exactly the one call that a step names; what is next, and whether to repeat, is decided elsewhere.
 */
import { assertDefined, unreachable } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { ProviderId } from '../base/ids.ts';
import type { Connection, Lease, ProviderRefs } from '../domain/model/lease.ts';
import type { FloatingIpSeen, PortSeen, ServerSeen, Sighting, Step } from '../domain/provision/sighting.ts';
import type { Provider, ProviderSnapshot, SeenServer, Subject } from '../engine/ports.ts';
import { novaFlavorId, type Aliases } from './gpu-flavor.ts';
import { resolveImage } from './glance/images.ts';
import { devicesOf, takeInventory } from './inventory.ts';
import { markMetadata, markOf, markText } from './marks.ts';
import { listAggregates } from './nova/aggregates.ts';
import { listFlavors } from './nova/flavors.ts';
import { listHypervisors } from './nova/hypervisors.ts';
import * as servers from './nova/servers.ts';
import * as floatingIps from './neutron/floatingips.ts';
import { resolveNetwork } from './neutron/networks.ts';
import * as ports from './neutron/ports.ts';
import { floatingIpSeen, portSeen, serverSeen } from './seen.ts';
import type { OpenStackSession } from './session.ts';
import { userData } from './user-data.ts';

export interface OpenStackProviderOptions {
  readonly id: ProviderId;
  /** Known once the store is open; marks what is ours. */
  readonly deploymentId: () => string;
  readonly session: OpenStackSession;
  readonly clock: Clock;
  /** Tenant network of the servers, by id or name. */
  readonly network: string;
  /** Where floating IPs come from, by id or name; null: borrowers reach the fixed address. */
  readonly externalNetwork: string | null;
  /** Image by id or name, where a lease names none. */
  readonly image: string;
  /** Login user of the images. */
  readonly user: string;
  readonly sshPort: number;
  /** User data from a config drive: for networks without metadata service. */
  readonly configDrive: boolean;
  readonly aliases: Aliases;
  readonly vcpuRatio: number;
}

export interface OpenStackProvider extends Provider {
  /** What `plan` must know of this cloud. */
  readonly wantsFloatingIp: boolean;
}

export function createOpenStackProvider(options: OpenStackProviderOptions): OpenStackProvider {
  const { id, session } = options;
  const downSince = new Map<string, number>();
  return {
    id,
    kind: 'openstack',
    callTimeoutMs: session.callTimeoutMs,
    wantsFloatingIp: options.externalNetwork !== null,
    snapshot: (isCounted) => takeSnapshot(options, downSince, isCounted),
    inspect: (subject) => inspect(options, subject),
    perform: (step, subject) => perform(options, step, subject),
    connection: (_subject, sighting) => connectionOf(options, sighting),
  };
}

async function takeSnapshot(
  options: OpenStackProviderOptions,
  downSince: Map<string, number>,
  isCounted: (server: SeenServer) => boolean,
): Promise<ProviderSnapshot> {
  const { session, id } = options;
  const warnings: string[] = [];
  const unreadable = (what: string) => (objectId: string, reason: string) => {
    warnings.push(`${what} ${objectId} is left out, its record is not understood: ${reason}`);
  };
  const projectId = await session.projectId();
  const mine: Record<string, string> = projectId === null ? {} : { project_id: projectId };
  // Hypervisors before servers: one that appears in between is then known by name, not as unexplained use.
  const hypervisors = await listHypervisors(session, unreadable('hypervisor'));
  const [aggregates, flavors, found, portList, ipList] = await Promise.all([
    listAggregates(session),
    listFlavors(session, unreadable('flavor')),
    servers.listServers(session, unreadable('server')),
    ports.listPorts(session, mine),
    floatingIps.listFloatingIps(session, mine),
  ]);
  noteDownHosts(hypervisors, downSince, options.clock.wallMs());
  const inventory = takeInventory({
    providerId: id,
    deploymentId: options.deploymentId(),
    aggregates,
    hypervisors,
    flavors,
    servers: found,
    aliases: options.aliases,
    vcpuRatio: options.vcpuRatio,
    downSinceMs: (host) => downSince.get(host) ?? 0,
    isCounted,
  });
  const holding = (server: servers.Server): boolean =>
    Object.keys(devicesOf(server, options.aliases)).length > 0;
  return {
    hosts: inventory.hosts,
    flavors: inventory.flavors,
    servers: found
      .filter((server) => markOf(server) !== null || (server.host !== null && holding(server)))
      .map((server) => serverSeen(server, id)),
    ports: portList.map(portSeen).filter(({ berth }) => berth !== null),
    floatingIps: ipList.map(floatingIpSeen).filter(({ berth }) => berth !== null),
    warnings: [...warnings, ...inventory.warnings],
    dateMs: session.dateMs(),
  };
}

/** Nova tells that a host is down, not since when; the first time that we saw it stays until it is up. */
function noteDownHosts(
  hypervisors: readonly { readonly host: string; readonly down: boolean }[],
  downSince: Map<string, number>,
  nowMs: number,
): void {
  const down = new Set(hypervisors.filter((node) => node.down).map(({ host }) => host));
  for (const host of downSince.keys()) if (!down.has(host)) downSince.delete(host);
  for (const host of down) if (!downSince.has(host)) downSince.set(host, nowMs);
}

async function inspect(options: OpenStackProviderOptions, subject: Subject): Promise<Sighting> {
  const { session } = options;
  const { lease } = subject;
  const mark = markText(options.deploymentId(), lease.id);
  const port = await seePort(session, lease, mark);
  const [found, floatingIp] = await Promise.all([
    seeServers(options, lease, mark, port),
    seeFloatingIp(session, lease, mark),
  ]);
  return { port, servers: found, floatingIp, dateMs: session.dateMs() };
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
  options: OpenStackProviderOptions,
  lease: Lease,
  mark: string,
  port: PortSeen | null,
): Promise<readonly ServerSeen[]> {
  const { session, id } = options;
  const tagged = await servers.findServersByTag(session, mark);
  const known = new Set(tagged.map((server) => server.id));
  const named = [lease.refs.serverId, port?.serverId ?? null].filter((serverId) => serverId !== null);
  const missing = [...new Set(named)].filter((serverId) => !known.has(serverId));
  const others = await Promise.all(missing.map((serverId) => servers.findServer(session, serverId)));
  const isOurs = (server: servers.Server): boolean => {
    const found = markOf(server);
    const isMarked = found?.deploymentId === options.deploymentId() && found.leaseId === lease.id;
    return isMarked || server.id === lease.refs.serverId;
  };
  const ours = others.filter((server) => server !== null).filter(isOurs);
  return [...tagged, ...ours].map((server) => serverSeen(server, id));
}

async function perform(
  options: OpenStackProviderOptions,
  step: Step,
  { lease }: Subject,
): Promise<Partial<ProviderRefs>> {
  const { session } = options;
  switch (step.kind) {
    case 'createPort':
      return createPort(options, lease);
    case 'createServer':
      return { serverId: await createServer(options, lease) };
    case 'createFloatingIp':
      return createFloatingIp(options, lease);
    case 'deleteFloatingIp':
      await floatingIps.deleteFloatingIp(session, step.id);
      return { floatingIpId: null };
    case 'deleteServer':
      await servers.deleteServer(session, step.id);
      return {};
    case 'deletePort':
      await ports.deletePort(session, step.id);
      return { portId: null };
    case 'shelve':
    case 'shelveOffload':
    case 'unshelve':
      await servers.actOnServer(session, step.id, step.kind);
      return {};
    case 'snapshot':
      await servers.snapshotServer(session, step.id, step.name);
      return {};
    default:
      return unreachable(step);
  }
}

async function createPort(options: OpenStackProviderOptions, lease: Lease): Promise<Partial<ProviderRefs>> {
  const { session } = options;
  const networkId = await resolveNetwork(session, { idOrName: options.network, external: false });
  const description = markText(options.deploymentId(), lease.id);
  const port = await ports.createPort(session, { networkId, name: portName(lease), description });
  return { portId: port.id, address: port.address };
}

async function createServer(options: OpenStackProviderOptions, lease: Lease): Promise<string> {
  const deploymentId = options.deploymentId();
  return servers.createServer(options.session, {
    name: lease.name === '' ? portName(lease) : lease.name,
    flavorId: novaFlavorId(options.id, lease.request.flavorId),
    imageId: await resolveImage(options.session, lease.request.image ?? options.image),
    portId: assertDefined(lease.refs.portId, 'the port is recorded before its server is created'),
    tags: [markText(deploymentId, lease.id)],
    metadata: markMetadata(deploymentId, lease.id),
    userData: userData(lease.request.sshPublicKey, options.user),
    configDrive: options.configDrive,
  });
}

async function createFloatingIp(
  options: OpenStackProviderOptions,
  lease: Lease,
): Promise<Partial<ProviderRefs>> {
  const { session } = options;
  const idOrName = assertDefined(options.externalNetwork, 'floating IPs need an external network');
  const ip = await floatingIps.createFloatingIp(session, {
    networkId: await resolveNetwork(session, { idOrName, external: true }),
    portId: assertDefined(lease.refs.portId, 'the port is recorded before its floating IP is created'),
    description: markText(options.deploymentId(), lease.id),
  });
  return { floatingIpId: ip.id, address: ip.address };
}

function connectionOf(options: OpenStackProviderOptions, { port, floatingIp }: Sighting): Connection | null {
  const host = options.externalNetwork === null ? port?.address : floatingIp?.address;
  return host === undefined || host === null ? null : { host, port: options.sshPort, user: options.user };
}

function portName(lease: Lease): string {
  return `berth-${lease.id}`;
}
