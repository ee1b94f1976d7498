/** Neutron v2.0: networks, subnets, quotas, and the routes. Source: neutron 21 (Zed). */
import { recordAt } from './http.ts';
import type { Call, Reply } from './http.ts';
import type { SimNetwork, SimSubnet } from './model.ts';
import { changeQuota } from './nova-admin.ts';
import { neutronError } from './neutron-errors.ts';
import { countOf, quotaOf } from './quotas.ts';
import { handleFloatingIps } from './neutron-floating-ips.ts';
import { isVisible, listOrShow } from './neutron-lists.ts';
import type { View } from './neutron-lists.ts';
import { addressUse, asksForRouters, routerPorts, routers } from './neutron-layout.ts';
import { handlePorts } from './neutron-ports.ts';
import { handleSecurityGroupRules, handleSecurityGroups } from './neutron-security-groups.ts';
import type { SimWorld } from './world.ts';

export function neutronVersionDocument(origin: string): Reply {
  const links = [{ rel: 'self', href: `${origin}/network/v2.0/` }];
  return { status: 200, json: { versions: [{ id: 'v2.0', status: 'CURRENT', links }] } };
}

export function handleNeutron(call: Call): Reply {
  const [first] = call.segments;
  if (first === 'ports' && asksForRouters(call)) return routerPorts(call);
  if (first === 'ports') return handlePorts(call);
  if (first === 'floatingips') return handleFloatingIps(call);
  if (first === 'quotas') return quotas(call);
  if (first === 'security-groups') return handleSecurityGroups(call);
  if (first === 'security-group-rules') return handleSecurityGroupRules(call);
  if (call.method !== 'GET') throw neutronError(405, 'HTTPMethodNotAllowed', 'The method is not allowed.');
  const { world } = call;
  if (first === 'networks') {
    const seen = [...world.networks.values()].filter(
      (network) => isVisible(call, network) || network.external,
    );
    return listOrShow(
      call,
      'networks',
      'network',
      seen.map((network) => showNetwork(world, network)),
    );
  }
  if (first === 'subnets') {
    const seen = [...world.subnets.values()].filter((subnet) => isVisible(call, subnet));
    return listOrShow(call, 'subnets', 'subnet', seen.map(showSubnet));
  }
  if (first === 'routers') return routers(call);
  if (first === 'network-ip-availabilities') return addressUse(call);
  throw neutronError(404, 'HTTPNotFound', 'The resource could not be found.');
}

// ----------------------------------------------------------------------------------------------------- views

function showNetwork(world: SimWorld, network: SimNetwork): View {
  return {
    id: network.id,
    name: network.name,
    project_id: network.projectId,
    tenant_id: network.projectId,
    status: 'ACTIVE',
    admin_state_up: network.up,
    shared: false,
    'router:external': network.external,
    subnets: world.subnets.has(network.subnetId) ? [network.subnetId] : [],
    mtu: 1500,
    port_security_enabled: true,
    description: '',
    tags: [],
  };
}

function showSubnet(subnet: SimSubnet): View {
  return {
    id: subnet.id,
    name: subnet.name,
    network_id: subnet.networkId,
    project_id: subnet.projectId,
    tenant_id: subnet.projectId,
    cidr: subnet.cidr,
    gateway_ip: subnet.gateway,
    ip_version: 4,
    enable_dhcp: subnet.dhcp,
    dns_nameservers: [],
    description: '',
    tags: [],
  };
}

/** `/quotas/{project}[/details.json]`; PUT is the admin's. */
function quotas(call: Call): Reply {
  const { world, method, segments } = call;
  const projectId = segments[1] ?? '';
  if (!call.isAdmin && (projectId !== call.token.projectId || method !== 'GET')) {
    throw neutronError(
      403,
      'PolicyNotAuthorized',
      'Only admin is authorized to access quotas for another tenant',
    );
  }
  if (method === 'PUT') {
    changeQuota(world, projectId, recordAt(call.body, 'quota'));
  }
  const quota = quotaOf(world, projectId);
  const detailed = segments[2]?.startsWith('details') === true;
  const show = (limit: number, items: Iterable<{ readonly projectId: string }>): unknown =>
    detailed ? { limit, used: countOf(items, projectId), reserved: 0 } : limit;
  const view = {
    port: show(quota.ports, world.ports.values()),
    floatingip: show(quota.floatingIps, world.floatingIps.values()),
    network: show(100, world.networks.values()),
    subnet: show(100, world.subnets.values()),
    security_group: show(100, world.securityGroups.values()),
  };
  return { status: 200, json: { quota: view } };
}
