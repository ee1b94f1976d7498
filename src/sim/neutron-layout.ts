/**
 * How Neutron's networks hang together: routers and their ports, rules of security groups, addresses in use.
 * Nobody changes any of it. Source: neutron 21 (Zed), db/l3_db.py, db/network_ip_availability_db.py.
 */
import type { Call, Reply } from './http.ts';
import type { SimNetwork, SimSecurityGroup } from './model.ts';
import { listOrShow } from './neutron-lists.ts';
import type { View } from './neutron-lists.ts';
import { neutronError } from './neutron-errors.ts';
import { namedUuid } from './seed.ts';

const ROUTER_PORT = 'network:router_interface';

export function routers(call: Call): Reply {
  const views = new Map<string, View>();
  for (const network of plugged(call)) {
    const id = network.routerId ?? '';
    views.set(id, {
      id,
      name: 'router',
      project_id: network.projectId,
      tenant_id: network.projectId,
      status: 'ACTIVE',
      admin_state_up: true,
      external_gateway_info: { network_id: externalId(call) },
      description: '',
      tags: [],
    });
  }
  return listOrShow(call, 'routers', 'router', [...views.values()]);
}

/** A router's own ports are listed only to who asks for them: they hold no address that is handed out. */
export function asksForRouters(call: Call): boolean {
  return call.method === 'GET' && call.query.get('device_owner')?.includes('router') === true;
}

export function routerPorts(call: Call): Reply {
  const views = plugged(call).map((network): View => ({
    id: namedUuid(`router-port/${network.id}`),
    name: '',
    network_id: network.id,
    project_id: network.projectId,
    tenant_id: network.projectId,
    device_id: network.routerId ?? '',
    device_owner: ROUTER_PORT,
    status: 'ACTIVE',
    admin_state_up: true,
    description: '',
    tags: [],
    fixed_ips: [],
  }));
  return listOrShow(call, 'ports', 'port', views);
}

/** `/network-ip-availabilities/{network}`: admins only, of the pools of all subnets. */
export function addressUse(call: Call): Reply {
  const { world, segments } = call;
  const network = world.networks.get(segments[1] ?? '');
  if (network === undefined || !call.isAdmin) {
    throw neutronError(404, 'NetworkNotFound', `Network ${segments[1] ?? ''} could not be found.`);
  }
  const subnet = world.subnets.get(network.subnetId);
  const taken = [...world.addressesUsed].filter((key) => key.startsWith(`${network.subnetId}/`));
  const view = {
    network_id: network.id,
    network_name: network.name,
    project_id: network.projectId,
    tenant_id: network.projectId,
    total_ips: subnet === undefined ? 0 : subnet.poolEnd - subnet.poolStart + 1,
    used_ips: taken.length,
    subnet_ip_availability: [],
  };
  return { status: 200, json: { network_ip_availability: view } };
}

/** Everything out, everything in from the group itself, and what is open to everybody. */
export function rulesOf(group: SimSecurityGroup): readonly unknown[] {
  const rule = (name: string, more: Readonly<Record<string, unknown>>): unknown => ({
    id: namedUuid(`rule/${group.id}/${name}`),
    security_group_id: group.id,
    project_id: group.projectId,
    ethertype: 'IPv4',
    protocol: null,
    port_range_min: null,
    port_range_max: null,
    remote_ip_prefix: null,
    remote_group_id: null,
    ...more,
  });
  return [
    rule('out', { direction: 'egress' }),
    // Only the group that every project has lets its own members in.
    ...(group.name === 'default' ? [rule('own', { direction: 'ingress', remote_group_id: group.id })] : []),
    ...group.openTcpPorts.map((port) =>
      rule(`tcp-${port}`, {
        direction: 'ingress',
        protocol: 'tcp',
        port_range_min: port,
        port_range_max: port,
      }),
    ),
    ...(group.rules ?? []).map(({ id, ...added }) => rule(id, { id, ...added })),
  ];
}

function plugged(call: Call): readonly SimNetwork[] {
  return [...call.world.networks.values()].filter(
    (network) => network.routerId !== null && (call.isAdmin || network.projectId === call.token.projectId),
  );
}

/** Routers lead to the first external network, the topology's own. */
function externalId(call: Call): string {
  return [...call.world.networks.values()].find((network) => network.external)?.id ?? '';
}
