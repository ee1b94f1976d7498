/** Neutron's floating IPs. Source: neutron 21 (Zed), db/l3_db.py. */
import { pickAddress } from './addresses.ts';
import { isoSeconds, isRecord, recordAt, stringAt } from './http.ts';
import type { Call, Reply } from './http.ts';
import type { SimFloatingIp, SimPort } from './model.ts';
import { changeTags, isVisible, listOrShow, notFound } from './neutron-lists.ts';
import type { View } from './neutron-lists.ts';
import { neutronError } from './neutron-errors.ts';
import { exhausted, projectOf, readText } from './neutron-ports.ts';
import { countOf, quotaOf } from './quotas.ts';
import type { SimWorld } from './world.ts';

export function handleFloatingIps(call: Call): Reply {
  const { world, method, segments } = call;
  const [, id, kind] = segments;
  if (id === undefined) {
    if (method === 'POST') return createFloatingIp(call);
    const visible = [...world.floatingIps.values()].filter((floatingIp) => isVisible(call, floatingIp));
    return listOrShow(
      call,
      'floatingips',
      'floatingip',
      visible.map((floatingIp) => showFloatingIp(world, floatingIp)),
    );
  }
  const floatingIp = world.floatingIps.get(id);
  if (floatingIp === undefined || !isVisible(call, floatingIp)) throw notFound('floatingip', id);
  if (kind === 'tags') {
    const { tags, reply } = changeTags(call, floatingIp.tags);
    if (method !== 'GET') {
      floatingIp.tags = [...tags];
      floatingIp.updatedAtMs = world.nowMs;
      world.revision += 1;
    }
    return reply;
  }
  if (method === 'GET') {
    return listOrShow(call, 'floatingips', 'floatingip', [showFloatingIp(world, floatingIp)]);
  }
  if (method === 'PUT') return changeFloatingIp(call, floatingIp);
  if (method !== 'DELETE') throw neutronError(405, 'HTTPMethodNotAllowed', 'The method is not allowed.');
  world.removeFloatingIp(floatingIp);
  return { status: 204 };
}

function createFloatingIp(call: Call): Reply {
  const { world, prng } = call;
  const body = recordAt(call.body, 'floatingip');
  const networkId = stringAt(body, 'floating_network_id') ?? '';
  const network = world.networks.get(networkId);
  if (network === undefined) throw notFound('network', networkId);
  if (!network.external) {
    const message = `Bad floatingip request: Network ${networkId} is not a valid external network.`;
    throw neutronError(400, 'BadRequest', message);
  }
  const projectId = projectOf(call, body);
  if (countOf(world.floatingIps.values(), projectId) + 1 > quotaOf(world, projectId).floatingIps) {
    throw neutronError(409, 'OverQuota', "Quota exceeded for resources: ['floatingip'].");
  }
  const port = readPort(call, body, network.id);
  const subnet = world.subnets.get(network.subnetId);
  const address = subnet === undefined ? null : pickAddress(world, subnet);
  if (address === null) throw exhausted(network.id);
  const floatingIp: SimFloatingIp = {
    id: prng.uuid(),
    projectId,
    networkId: network.id,
    address,
    portId: port?.id ?? null,
    fixedAddress: port?.address ?? null,
    description: readText(body, 'description') ?? '',
    tags: [],
    createdAtMs: world.nowMs,
    updatedAtMs: world.nowMs,
  };
  world.addFloatingIp(floatingIp, network.subnetId);
  return { status: 201, json: { floatingip: showFloatingIp(world, floatingIp) } };
}

/** A `port_id` of null takes it off its port; without the key the port stays. */
function changeFloatingIp(call: Call, floatingIp: SimFloatingIp): Reply {
  const { world } = call;
  const body = recordAt(call.body, 'floatingip') ?? {};
  floatingIp.description = readText(body, 'description') ?? floatingIp.description;
  if ('port_id' in body) {
    const current = floatingIp.portId;
    if (body['port_id'] !== current) world.associate(floatingIp, readPort(call, body, floatingIp.networkId));
  }
  floatingIp.updatedAtMs = world.nowMs;
  world.revision += 1;
  return { status: 200, json: { floatingip: showFloatingIp(world, floatingIp) } };
}

/** The port that it is wanted for: visible, behind a router to that network, and without one already. */
function readPort(call: Call, body: unknown, externalNetworkId: string): SimPort | null {
  const portId = isRecord(body) ? stringAt(body, 'port_id') : null;
  if (portId === null) return null;
  const { world } = call;
  const port = world.ports.get(portId);
  if (port === undefined || !isVisible(call, port)) throw notFound('port', portId);
  const network = world.networks.get(port.networkId);
  if ((network?.routerId ?? null) === null) {
    const message =
      `External network ${externalNetworkId} is not reachable from subnet ${port.subnetId}. ` +
      `Therefore, cannot associate Port ${portId} with a Floating IP.`;
    throw neutronError(404, 'ExternalGatewayForFloatingIPNotFound', message);
  }
  const other = world.floatingIpByPort.get(portId);
  if (other !== undefined) {
    const message =
      `Cannot associate floating IP ${other.address} (${other.id}) with port ${portId} using fixed IP ` +
      `${port.address}, as that fixed IP already has a floating IP on external network ${externalNetworkId}.`;
    throw neutronError(409, 'FloatingIPPortAlreadyAssociated', message);
  }
  return port;
}

function showFloatingIp(world: SimWorld, floatingIp: SimFloatingIp): View {
  const port = floatingIp.portId === null ? undefined : world.ports.get(floatingIp.portId);
  const network = port === undefined ? undefined : world.networks.get(port.networkId);
  return {
    id: floatingIp.id,
    floating_ip_address: floatingIp.address,
    floating_network_id: floatingIp.networkId,
    fixed_ip_address: floatingIp.fixedAddress,
    port_id: floatingIp.portId,
    router_id: network?.routerId ?? null,
    status: floatingIp.portId === null ? 'DOWN' : 'ACTIVE',
    project_id: floatingIp.projectId,
    tenant_id: floatingIp.projectId,
    description: floatingIp.description,
    tags: floatingIp.tags,
    created_at: isoSeconds(floatingIp.createdAtMs),
    updated_at: isoSeconds(floatingIp.updatedAtMs),
    port_details: null,
    revision_number: 1,
  };
}
