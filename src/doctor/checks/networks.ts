import type { SecurityRule } from '../../openstack/neutron/security-groups.ts';
import { nearest } from '../../base/nearest.ts';
import type { Facts, NetworkFacts, ProjectFacts } from '../facts.ts';
import { finding, quoted, setting, some, type Finding } from '../finding.ts';
import { chosenExternal, externalCandidates } from '../lending.ts';

/** Whether servers get an address, and borrowers a way to it. */
export function checkNetworks(facts: Facts): readonly Finding[] {
  return [...external(facts), ...facts.projects.flatMap((project) => ofProject(facts, project))];
}

function external(facts: Facts): readonly Finding[] {
  const { networks, cloud } = facts;
  const wanted = cloud.externalNetwork;
  if (networks === null || wanted === 'none') return [];
  const fitting = externalCandidates(facts);
  const [only, ...others] = fitting;
  const subject = wanted === 'auto' ? 'external network' : `external network '${wanted}'`;
  if (only === undefined) {
    const names = networks.filter((network) => network.isExternal).map(({ name }) => name);
    const near = nearest(wanted, names) ?? names[0] ?? 'none';
    const has = names.length === 0 ? 'it has none' : `it has ${some(names)}`;
    const message = `The cloud has no external network${wanted === 'auto' ? '' : ` '${wanted}'`}; ${has}.`;
    const fix = setting(cloud.name, 'external_network', near);
    // Without a name the server goes on without floating IPs.
    const severity = wanted === 'auto' ? 'warning' : 'error';
    return [finding('external_network_missing', subject, message, fix, severity)];
  }
  if (others.length > 0) {
    const value = wanted === 'auto' ? only.name : only.id;
    const message = `${fitting.length} external networks fit: ${some(fitting.map(({ name, id }) => `${name} (${id})`))}.`;
    const fix = setting(cloud.name, 'external_network', value);
    return [finding('external_network_ambiguous', subject, message, fix)];
  }
  const use = facts.externalAddresses.get(only.id);
  if (use === undefined || use.total === 0 || use.used < use.total) return [];
  const message = `All ${use.total} addresses of '${only.name}' are taken.`;
  const fix = `openstack floating ip list --network ${quoted(only.name)} --status DOWN, and openstack floating ip delete for those that nobody needs`;
  return [finding('floating_ips_exhausted', `external network '${only.name}'`, message, fix)];
}

function ofProject(facts: Facts, project: ProjectFacts): readonly Finding[] {
  const { networks } = project;
  const { cloud } = facts;
  const { id, name } = project.project;
  if (networks === null) return [];
  const [only, ...others] = networks;
  const subject = `project '${name}'`;
  if (only === undefined) {
    const inner = (facts.networks ?? []).filter((network) => !network.isExternal);
    const near =
      cloud.network === null
        ? null
        : nearest(
            cloud.network,
            inner.map((network) => network.name),
          );
    const which = cloud.network === null ? 'no network' : `no network '${cloud.network}'`;
    const create = `openstack network create --project ${id} ${quoted(cloud.network ?? 'private')}`;
    const fix = near === null ? create : `${setting(cloud.name, 'network', near)}; or ${create}`;
    return [
      finding('network_missing', subject, `It has ${which} for its servers.`, fix),
      ...ssh(facts, project),
    ];
  }
  if (others.length > 0) {
    const names = networks.map(({ network }) => `${network.name} (${network.id})`);
    const value = cloud.network === null ? only.network.name : only.network.id;
    const message = `${networks.length} networks fit: ${some(names)}.`;
    return [
      finding('network_ambiguous', subject, message, setting(cloud.name, 'network', value)),
      ...ssh(facts, project),
    ];
  }
  return [...ofNetwork(facts, only, name), ...ssh(facts, project)];
}

function ofNetwork(facts: Facts, found: NetworkFacts, project: string): readonly Finding[] {
  const { network, subnets, addresses } = found;
  const subject = `network '${network.name}' of project '${project}'`;
  const addSubnet = `openstack subnet create --network ${network.id} --subnet-range 10.99.0.0/24 ${quoted(`${network.name}-2`)}`;
  const faults: Finding[] = [];
  if (!network.isUp) {
    const fix = `openstack network set --enable ${network.id}`;
    faults.push(finding('network_down', subject, 'Its administrative state is down.', fix));
  }
  if (subnets?.length === 0) {
    faults.push(
      finding('network_without_subnet', subject, 'It has no subnet, so its ports get no address.', addSubnet),
    );
    return faults;
  }
  if (subnets !== null && !facts.cloud.configDrive && subnets.every(({ dhcp }) => !dhcp)) {
    const message = `DHCP is off on all of its subnets (${some(subnets.map(({ cidr }) => cidr))}), and config_drive is false.`;
    const fix = `openstack subnet set --dhcp ${subnets[0]?.id ?? ''}; or ${setting(facts.cloud.name, 'config_drive', 'true')}`;
    faults.push(finding('network_without_dhcp', subject, message, fix));
  }
  if (addresses !== null && addresses.total > 0 && addresses.used >= addresses.total) {
    const message = `All ${addresses.total} addresses are taken.`;
    faults.push(finding('network_full', subject, message, addSubnet));
  }
  return [...faults, ...routers(facts, found, subject)];
}

function routers(facts: Facts, found: NetworkFacts, subject: string): readonly Finding[] {
  const way = chosenExternal(facts);
  const { network, subnets, routerIds } = found;
  if (way === null || routerIds === null || facts.routers === null) return [];
  const own = facts.routers.filter(({ id }) => routerIds.includes(id));
  if (own.some(({ externalNetworkId }) => externalNetworkId === way.id)) return [];
  // A router that the account may not see could lead there.
  if (own.length < routerIds.length) return [];
  const [router] = own;
  if (router !== undefined) {
    const message = `Its router '${router.name}' does not lead to '${way.name}'.`;
    const fix = `openstack router set --external-gateway ${quoted(way.name)} ${router.id}`;
    return [finding('network_without_router', subject, message, fix)];
  }
  const name = quoted(`${network.name}-router`);
  const message = `No router connects it to '${way.name}'.`;
  const fix = `openstack router create --project ${network.projectId} ${name}; openstack router set --external-gateway ${quoted(way.name)} ${name}; openstack router add subnet ${name} ${subnets?.[0]?.id ?? 'SUBNET'}`;
  return [finding('network_without_router', subject, message, fix)];
}

/** Servers get the default group of their project. */
function ssh(facts: Facts, { securityGroups, project }: ProjectFacts): readonly Finding[] {
  const group = securityGroups?.find(({ name }) => name === 'default');
  const port = facts.cloud.sshPort;
  if (group === undefined || group.rules.some((rule) => admits(rule, port))) return [];
  const message = `None of its ${group.rules.length} rules lets TCP port ${port} in from outside.`;
  const fix = `openstack security group rule create --ingress --protocol tcp --dst-port ${port} ${group.id}`;
  const subject = `security group 'default' of project '${project.name}'`;
  return [finding('ssh_blocked', subject, message, fix)];
}

function admits(rule: SecurityRule, port: number): boolean {
  const { direction, protocol, portMin, portMax, remoteGroupId } = rule;
  if (direction !== 'ingress' || remoteGroupId !== null) return false;
  // Neutron takes numbers of protocols, too.
  if (protocol !== null && !['tcp', '6', 'any', '0'].includes(protocol)) return false;
  return (portMin ?? 0) <= port && port <= (portMax ?? 65_535);
}
