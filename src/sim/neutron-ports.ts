/** Neutron's ports. Source: neutron 21 (Zed), db/db_base_plugin_v2.py, plugins/ml2. */
import { pickAddress } from './addresses.ts';
import { isoSeconds, isRecord, isStringList, recordAt, stringAt } from './http.ts';
import type { Call, Reply } from './http.ts';
import { drawMac } from './lifecycle.ts';
import type { SimNetwork, SimPort } from './model.ts';
import { changeTags, isVisible, listOrShow, notFound } from './neutron-lists.ts';
import type { View } from './neutron-lists.ts';
import { neutronError } from './neutron-errors.ts';
import { countOf, quotaOf } from './quotas.ts';

const CREATE_KEYS = new Set([
  'name',
  'description',
  'network_id',
  'security_groups',
  'fixed_ips',
  'admin_state_up',
  'project_id',
  'tenant_id',
  'device_id',
  'device_owner',
]);

export function handlePorts(call: Call): Reply {
  const { world, method, segments } = call;
  const [, id, kind] = segments;
  if (id === undefined) {
    if (method === 'POST') return createPort(call);
    return listOrShow(call, 'ports', 'port', candidates(call).map(showPort));
  }
  const port = world.ports.get(id);
  if (port === undefined || !isVisible(call, port)) throw notFound('port', id);
  if (kind === 'tags') {
    const { tags, reply } = changeTags(call, port.tags);
    if (method !== 'GET') {
      port.tags = [...tags];
      port.updatedAtMs = world.nowMs;
      world.revision += 1;
    }
    return reply;
  }
  if (method === 'GET') return listOrShow(call, 'ports', 'port', [showPort(port)]);
  if (method === 'PUT') return changePort(call, port);
  if (method !== 'DELETE') throw neutronError(405, 'HTTPMethodNotAllowed', 'The method is not allowed.');
  world.removePort(port);
  return { status: 204 };
}

/** By device where the list asks for one: that is what a controller does for each server. */
function candidates(call: Call): readonly SimPort[] {
  const { world, query } = call;
  const devices = query.getAll('device_id');
  const found =
    devices.length > 0 && !devices.includes('')
      ? devices.flatMap((device) => [...(world.portsByDevice.get(device) ?? [])])
      : [...world.ports.values()];
  return found.filter((port) => isVisible(call, port));
}

function createPort(call: Call): Reply {
  const { world, prng } = call;
  const body = recordAt(call.body, 'port');
  if (body === null) throw neutronError(400, 'HTTPBadRequest', 'Resource body required');
  const refused = Object.keys(body).find((key) => !CREATE_KEYS.has(key));
  if (refused === 'tags') throw neutronError(400, 'HTTPBadRequest', "Attribute 'tags' not allowed in POST");
  if (refused !== undefined) {
    throw neutronError(400, 'HTTPBadRequest', `Unrecognized attribute(s) '${refused}'`);
  }
  const network = world.networks.get(stringAt(body, 'network_id') ?? '');
  if (network === undefined || !(isVisible(call, network) || network.external)) {
    throw notFound('network', stringAt(body, 'network_id') ?? '');
  }
  const projectId = projectOf(call, body);
  if (countOf(world.ports.values(), projectId) + 1 > quotaOf(world, projectId).ports) {
    throw neutronError(409, 'OverQuota', "Quota exceeded for resources: ['port'].");
  }
  const port: SimPort = {
    id: prng.uuid(),
    name: readText(body, 'name') ?? '',
    projectId,
    networkId: network.id,
    subnetId: network.subnetId,
    macAddress: drawMac(prng),
    address: readAddress(call, body, network),
    description: readText(body, 'description') ?? '',
    tags: [],
    securityGroupIds: readGroups(call, body, projectId),
    deviceId: readText(body, 'device_id') ?? '',
    deviceOwner: readText(body, 'device_owner') ?? '',
    host: '',
    ownedByServer: false,
    createdAtMs: world.nowMs,
    updatedAtMs: world.nowMs,
  };
  world.addPort(port);
  return { status: 201, json: { port: showPort(port) } };
}

function changePort(call: Call, port: SimPort): Reply {
  const body = recordAt(call.body, 'port') ?? {};
  port.name = readText(body, 'name') ?? port.name;
  port.description = readText(body, 'description') ?? port.description;
  if (body['security_groups'] !== undefined) port.securityGroupIds = readGroups(call, body, port.projectId);
  const deviceId = readText(body, 'device_id');
  if (deviceId !== null) {
    call.world.bindPort(port, deviceId, readText(body, 'device_owner') ?? port.deviceOwner, port.host);
  }
  port.updatedAtMs = call.world.nowMs;
  call.world.revision += 1;
  return { status: 200, json: { port: showPort(port) } };
}

/** Only admins make things for another project. */
export function projectOf(call: Call, body: unknown): string {
  const own = call.token.projectId ?? '';
  const wanted = stringAt(body, 'project_id') ?? stringAt(body, 'tenant_id') ?? own;
  if (wanted !== own && !call.isAdmin) {
    throw neutronError(403, 'PolicyNotAuthorized', 'rule:create_port is disallowed by policy');
  }
  return wanted;
}

/** A string of at most 255 characters; null: absent. */
export function readText(body: unknown, key: string): string | null {
  const text = stringAt(body, key);
  if (text !== null && text.length > 255) {
    const message = `Invalid input for ${key}. Reason: '${text.slice(0, 32)}…' exceeds maximum length of 255.`;
    throw neutronError(400, 'HTTPBadRequest', message);
  }
  return text;
}

function readAddress(call: Call, body: Readonly<Record<string, unknown>>, network: SimNetwork): string {
  const subnet = call.world.subnets.get(network.subnetId);
  const list = body['fixed_ips'];
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  const wanted = isRecord(first) ? stringAt(first, 'ip_address') : null;
  if (wanted !== null) {
    if (call.world.addressesUsed.has(`${network.subnetId}/${wanted}`)) {
      const message = `IP address ${wanted} already allocated in subnet ${network.subnetId}`;
      throw neutronError(409, 'IpAddressAlreadyAllocated', message);
    }
    return wanted;
  }
  const address = subnet === undefined ? null : pickAddress(call.world, subnet);
  if (address === null) throw exhausted(network.id);
  return address;
}

export function exhausted(networkId: string): Error {
  const message = `No more IP addresses available on network ${networkId}.`;
  return neutronError(409, 'IpAddressGenerationFailure', message);
}

function readGroups(
  call: Call,
  body: Readonly<Record<string, unknown>>,
  projectId: string,
): readonly string[] {
  const { securityGroups } = call.world;
  const wanted = body['security_groups'];
  if (!isStringList(wanted)) {
    return [...securityGroups.values()]
      .filter((group) => group.projectId === projectId && group.name === 'default')
      .map((group) => group.id);
  }
  const missing = wanted.find((id) => !securityGroups.has(id));
  if (missing !== undefined) throw notFound('security_group', missing);
  return wanted;
}

function showPort(port: SimPort): View {
  return {
    id: port.id,
    name: port.name,
    network_id: port.networkId,
    project_id: port.projectId,
    tenant_id: port.projectId,
    mac_address: port.macAddress,
    admin_state_up: true,
    status: port.host === '' ? 'DOWN' : 'ACTIVE',
    device_id: port.deviceId,
    device_owner: port.deviceOwner,
    fixed_ips: [{ subnet_id: port.subnetId, ip_address: port.address }],
    security_groups: port.securityGroupIds,
    'binding:vnic_type': 'normal',
    port_security_enabled: true,
    description: port.description,
    tags: port.tags,
    created_at: isoSeconds(port.createdAtMs),
    updated_at: isoSeconds(port.updatedAtMs),
    revision_number: 1,
  };
}
