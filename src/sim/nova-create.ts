/** `POST /servers`. Source: nova 26 (Zed), compute/servers.py, schemas/servers.py, compute/api.py. */
import { isRecord, isStringList, recordAt, stringAt } from './http.ts';
import type { Call, Reply } from './http.ts';
import { beginBuild } from './lifecycle.ts';
import type { RequestedNetwork, SimFlavor, SimServer } from './model.ts';
import { linksOf } from './nova-views.ts';
import { novaError, policyRefusal } from './nova-errors.ts';
import { novaUsage, quotaOf } from './quotas.ts';
import { visibleImage } from './glance.ts';

const SERVER_KEYS = new Set([
  'name',
  'flavorRef',
  'imageRef',
  'networks',
  'key_name',
  'user_data',
  'config_drive',
  'security_groups',
  'metadata',
  'tags',
  'availability_zone',
  'host',
  'hypervisor_hostname',
  'description',
  'hostname',
  'block_device_mapping_v2',
  'adminPass',
  'min_count',
  'max_count',
  'return_reservation_id',
]);

/** Nova counts the encoded text. */
const USER_DATA_CHARS_MAX = 65_535;
const TAGS_MAX = 50;

export function createServer(call: Call): Reply {
  const { world, prng } = call;
  const body = recordAt(call.body, 'server');
  if (body === null) throw invalid("'server' is a required property");
  const unknownKey = Object.keys(body).find((key) => !SERVER_KEYS.has(key));
  if (unknownKey !== undefined) {
    throw invalid(`Additional properties are not allowed ('${unknownKey}' was unexpected)`);
  }
  const server = readServer(call, body);
  checkQuota(call, server.projectId, server.flavor);
  world.addServer(server);
  const doom = world.faults.drawTask(call.method, call.path, prng, [
    'noValidHost',
    'buildHangs',
    'buildError',
  ]);
  beginBuild(world, server, doom, prng);
  const view = {
    id: server.id,
    links: linksOf(call, 'servers', server.id),
    'OS-DCF:diskConfig': 'MANUAL',
    security_groups: server.securityGroups.map((group) => ({ name: group })),
    adminPass: server.id.slice(0, 12),
  };
  const location = `${call.origin}/compute/v2.1/servers/${server.id}`;
  return { status: 202, json: { server: view }, headers: { location } };
}

/** Strings of at most 255 characters, by key; 400 for anything else. */
export function readMetadata(value: unknown): Record<string, string> {
  if (!isRecord(value))
    throw invalid("Invalid input for field/attribute metadata: it is not of type 'object'");
  const metadata: Record<string, string> = {};
  for (const [key, item] of Object.entries(value)) {
    if (typeof item !== 'string' || item.length > 255 || key.length > 255) {
      throw invalid(
        `Invalid input for field/attribute ${key.slice(0, 255)}. Value: ${String(item).slice(0, 64)}`,
      );
    }
    metadata[key] = item;
  }
  return metadata;
}

/** At most 50 tags of 1 to 60 characters without `/` and `,`; 400 for anything else. */
export function checkTags(tags: unknown): readonly string[] {
  if (!isStringList(tags)) throw invalid('Invalid input for field/attribute tags.');
  for (const tag of tags) {
    if (tag.length === 0 || tag.length > 60 || /[/,]/.test(tag)) {
      throw invalid(`Invalid input for field/attribute tags. Value: ${tag.slice(0, 64)}`);
    }
  }
  if (new Set(tags).size > TAGS_MAX)
    throw invalid(`The number of tags exceeded the per-server limit ${TAGS_MAX}`);
  return tags;
}

/** The server as it is wanted, not yet in the world. */
function readServer(call: Call, body: Readonly<Record<string, unknown>>): SimServer {
  const { world } = call;
  const name = stringAt(body, 'name')?.trim() ?? '';
  if (name === '' || name.length > 255) throw invalid("'name' is a required property");
  const flavorRef = stringAt(body, 'flavorRef') ?? '';
  const flavor = world.flavors.get(flavorRef);
  if (flavor === undefined) throw novaError(400, `Flavor ${flavorRef} could not be found.`);
  return {
    id: call.prng.uuid(),
    name,
    projectId: call.token.projectId ?? '',
    userId: call.token.userId,
    flavor,
    imageId: readImage(call, body, flavor),
    requestedHost: readHost(call, body),
    requestedNetworks: readNetworks(call, body),
    keyName: readKeypair(call, body),
    userData: readUserData(body),
    configDrive: body['config_drive'] === true || body['config_drive'] === 'true',
    securityGroups: readSecurityGroups(call, body),
    metadata: readMetadata(body['metadata'] ?? {}),
    tags: readTags(call, body),
    description: call.minor >= 19 ? stringAt(body, 'description') : null,
    vmState: 'building',
    taskState: 'scheduling',
    powerState: 0,
    host: null,
    pciReportedAtMs: 0,
    portIds: [],
    locked: false,
    lockedReason: null,
    createdAtMs: world.nowMs,
    updatedAtMs: world.nowMs,
    launchedAtMs: null,
    terminatedAtMs: null,
    fault: null,
    shelvedImageId: null,
    task: 0,
    doom: null,
  };
}

function readTags(call: Call, body: Readonly<Record<string, unknown>>): string[] {
  if (body['tags'] === undefined) return [];
  if (call.minor < 52) throw invalid("Additional properties are not allowed ('tags' was unexpected)");
  return [...new Set(checkTags(body['tags']))];
}

function readImage(call: Call, body: unknown, flavor: SimFlavor): string {
  const imageId = stringAt(body, 'imageRef') ?? '';
  const image = visibleImage(call, imageId);
  if (image === null) throw novaError(400, `Image ${imageId} could not be found.`);
  if (image.status !== 'active') throw novaError(400, `Image ${imageId} is not active.`);
  if (flavor.ram < image.minRam) throw novaError(400, "Flavor's memory is too small for requested image.");
  if (flavor.disk < image.minDisk) {
    throw novaError(
      400,
      "Flavor's disk is too small for requested image. " +
        `Flavor disk is ${flavor.disk * 2 ** 30} bytes, image is ${image.minDisk * 2 ** 30} bytes.`,
    );
  }
  return image.id;
}

/** The host that an admin asks for by `host`, `hypervisor_hostname`, or `availability_zone: zone:host`. */
function readHost(call: Call, body: unknown): string | null {
  const zone = stringAt(body, 'availability_zone');
  const [zoneName, forcedHost] = zone?.split(':') ?? [];
  if (zoneName !== undefined && zoneName !== 'nova' && zoneName !== '') {
    throw novaError(400, 'The requested availability zone is not available');
  }
  const wanted = stringAt(body, 'host') ?? stringAt(body, 'hypervisor_hostname');
  if (wanted !== null && call.minor < 74) {
    throw invalid("Additional properties are not allowed ('host' was unexpected)");
  }
  if (!call.isAdmin && forcedHost !== undefined)
    throw policyRefusal('os_compute_api:servers:create:forced_host');
  if (!call.isAdmin && wanted !== null) throw policyRefusal('compute:servers:create:requested_destination');
  const host = wanted ?? forcedHost ?? null;
  if (host !== null && !call.world.hosts.has(host))
    throw novaError(400, `Compute host ${host} could not be found.`);
  return host;
}

function readNetworks(call: Call, body: Readonly<Record<string, unknown>>): readonly RequestedNetwork[] {
  const { networks } = body;
  if (networks === undefined || networks === 'auto') {
    if (networks === undefined && call.minor >= 37) throw invalid("'networks' is a required property");
    return projectNetwork(call);
  }
  if (networks === 'none') return [];
  if (!Array.isArray(networks)) throw invalid('Invalid input for field/attribute networks.');
  return networks.map((item: unknown) => readNetwork(call, item));
}

function readNetwork(call: Call, item: unknown): RequestedNetwork {
  const { world } = call;
  const portId = stringAt(item, 'port');
  if (portId !== null) {
    const port = world.ports.get(portId);
    if (port === undefined || (!call.isAdmin && port.projectId !== call.token.projectId)) {
      throw novaError(400, `Port id ${portId} could not be found.`);
    }
    // Only what Nova's API can see: of two requests at the same time the later one fails on its host.
    if (port.deviceId !== '') throw novaError(409, `Port ${portId} is still in use.`);
    return { kind: 'port', portId };
  }
  const networkId = stringAt(item, 'uuid') ?? '';
  const network = world.networks.get(networkId);
  if (
    network === undefined ||
    (network.projectId !== call.token.projectId && !network.external && !call.isAdmin)
  ) {
    throw novaError(400, `Network ${networkId} could not be found.`);
  }
  if (network.external && !call.isAdmin) {
    throw novaError(403, `It is not allowed to create an interface on external network ${networkId}`);
  }
  return { kind: 'network', networkId };
}

function projectNetwork(call: Call): readonly RequestedNetwork[] {
  const own = [...call.world.networks.values()].filter(
    (network) => network.projectId === call.token.projectId,
  );
  const [network, second] = own.filter((candidate) => !candidate.external);
  if (second !== undefined) {
    throw novaError(409, 'Multiple possible networks found, use a Network ID to be more specific.');
  }
  return network === undefined ? [] : [{ kind: 'network', networkId: network.id }];
}

function readKeypair(call: Call, body: unknown): string | null {
  const name = stringAt(body, 'key_name');
  if (name !== null && !call.world.keypairs.has(`${call.token.userId}/${name}`)) {
    throw novaError(400, 'Invalid key_name provided.');
  }
  return name;
}

function readUserData(body: unknown): string | null {
  const userData = stringAt(body, 'user_data');
  if (userData === null) return null;
  if (userData.length > USER_DATA_CHARS_MAX) {
    throw invalid(
      `Invalid input for field/attribute user_data. '…' is too long (${userData.length} characters)`,
    );
  }
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(userData)) {
    throw invalid("Invalid input for field/attribute user_data. It is not a 'base64'");
  }
  return userData;
}

function readSecurityGroups(call: Call, body: Readonly<Record<string, unknown>>): readonly string[] {
  const given = body['security_groups'];
  if (!Array.isArray(given) || given.length === 0) return ['default'];
  return given.map((item: unknown) => {
    const wanted = stringAt(item, 'name') ?? '';
    const found = [...call.world.securityGroups.values()].find(
      (group) => group.projectId === call.token.projectId && (group.name === wanted || group.id === wanted),
    );
    if (found === undefined) {
      throw novaError(400, `Unable to find security_group with name or id '${wanted}'`);
    }
    return found.name;
  });
}

/** Nova names every resource that is short, with the numbers of each. */
function checkQuota(call: Call, projectId: string, flavor: SimFlavor): void {
  const quota = quotaOf(call.world, projectId);
  const used = novaUsage(call.world, projectId);
  const wanted = { cores: flavor.vcpus, instances: 1, ram: flavor.ram };
  const over = (['cores', 'instances', 'ram'] as const).filter((key) => used[key] + wanted[key] > quota[key]);
  if (over.length === 0) return;
  const list = (values: Readonly<Record<'cores' | 'instances' | 'ram', number>>): string =>
    over.map((key) => values[key]).join(', ');
  throw novaError(
    403,
    `Quota exceeded for ${over.join(', ')}: Requested ${list(wanted)}, ` +
      `but already used ${list(used)} of ${list(quota)} ${over.join(', ')}`,
  );
}

function invalid(message: string): ReturnType<typeof novaError> {
  return novaError(400, message);
}
