import { readAddressUse } from '../openstack/neutron/address-use.ts';
import type { Network } from '../openstack/neutron/networks.ts';
import { readNetworkQuota } from '../openstack/neutron/quotas.ts';
import { routersOfNetwork } from '../openstack/neutron/routers.ts';
import { listSecurityGroups } from '../openstack/neutron/security-groups.ts';
import { listSubnets } from '../openstack/neutron/subnets.ts';
import { readComputeQuota } from '../openstack/nova/quotas.ts';
import type { OpenStackSession } from '../openstack/session.ts';
import type { Calls } from './calls.ts';
import type { Facts, NamedProject, NetworkFacts, ProjectFacts } from './facts.ts';

/** Candidates beyond this are not looked into: with more than one it must be said which to take anyway. */
const NETWORKS_MAX = 5;

/** What servers of a project would have: networks, security groups, quotas. */
export async function collectProject(
  project: NamedProject,
  facts: Facts,
  session: OpenStackSession,
  calls: Calls,
): Promise<ProjectFacts> {
  const { id, name } = project;
  const canRead = (service: string): boolean =>
    facts.endpoints.some((endpoint) => endpoint.service === service && endpoint.url !== null);
  const hasNetwork = canRead('network') && facts.networks !== null;
  const networks: NetworkFacts[] = [];
  const candidates = hasNetwork ? candidateNetworks(project, facts) : [];
  for (const network of candidates.slice(0, NETWORKS_MAX)) {
    networks.push(await collectNetwork(network, session, calls));
  }
  return {
    project,
    networks: hasNetwork ? networks : null,
    securityGroups: hasNetwork
      ? await calls.read('network', `the security groups of project ${name}`, () =>
          listSecurityGroups(session, id),
        )
      : null,
    computeQuota:
      canRead('compute') && facts.flavors !== null
        ? await calls.read('compute', `Nova's quota of project ${name}`, () => readComputeQuota(session, id))
        : null,
    networkQuota: hasNetwork
      ? await calls.read('network', `Neutron's quota of project ${name}`, () => readNetworkQuota(session, id))
      : null,
  };
}

/** Those that the setting could mean: the project's own before shared ones. */
function candidateNetworks(project: NamedProject, facts: Facts): readonly Network[] {
  const wanted = facts.cloud.network;
  const inner = facts.networks?.filter(({ isExternal }) => !isExternal) ?? [];
  const byId = inner.filter(({ id }) => id === wanted);
  if (byId.length > 0) return byId;
  const named = inner.filter(({ name }) => wanted === null || name === wanted);
  const own = named.filter(({ projectId }) => projectId === project.id);
  if (own.length > 0) return own;
  const shared = named.filter(({ isShared }) => isShared);
  // One that is named may belong to anybody who lets the project use it.
  return shared.length > 0 || wanted === null ? shared : named;
}

async function collectNetwork(
  network: Network,
  session: OpenStackSession,
  calls: Calls,
): Promise<NetworkFacts> {
  const { id, name } = network;
  return {
    network,
    subnets: await calls.read('network', `the subnets of network ${name}`, () => listSubnets(session, id)),
    routerIds: await calls.read('network', `the routers of network ${name}`, () =>
      routersOfNetwork(session, id),
    ),
    addresses: await calls.read('network', `the addresses of network ${name}`, () =>
      readAddressUse(session, id),
    ),
  };
}
