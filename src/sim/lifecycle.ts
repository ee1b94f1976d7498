/**
 * What servers do over time: each operation begins a task, and events carry it on until it ends. Durations of
 * later steps are drawn from a generator that follows from the event, so that nothing but the requests' own
 * generator is needed and a saved cloud goes on exactly as the original would have.
 */
import { unreachable } from '../base/assert.ts';
import { createPrng, type Prng } from '../base/prng.ts';
import { pickAddress } from './addresses.ts';
import { drawMs, type RangeMs, type TaskFaultKind } from './faults.ts';
import type { SimEvent, SimEventKind, SimNetwork, SimPort, SimServer } from './model.ts';
import { claim, hostOf, pickHost, release } from './placing.ts';
import type { SimWorld } from './world.ts';

const RUNNING = 1;
const SHUT_DOWN = 4;

const NO_VALID_HOST = 'No valid host was found. There are not enough hosts available.';

export function beginBuild(world: SimWorld, server: SimServer, doom: TaskFaultKind | null, prng: Prng): void {
  begin(world, server, 'scheduling', doom, 'schedule', world.timings.scheduleMs, prng);
}

/** The caller has checked that the server's state allows it; the same holds for the others below. */
export function beginShelve(
  world: SimWorld,
  server: SimServer,
  doom: TaskFaultKind | null,
  prng: Prng,
): void {
  server.shelvedImageId = addSnapshot(world, server, `${server.name}-shelved`, prng);
  begin(world, server, 'shelving', doom, 'shelved', world.timings.shelveMs, prng);
}

export function beginOffload(world: SimWorld, server: SimServer, prng: Prng): void {
  begin(world, server, 'shelving_offloading', null, 'offloaded', world.timings.offloadMs, prng);
}

export function beginUnshelve(
  world: SimWorld,
  server: SimServer,
  doom: TaskFaultKind | null,
  prng: Prng,
): void {
  if (server.vmState === 'shelved')
    begin(world, server, 'unshelving', null, 'unshelved', world.timings.powerMs, prng);
  else begin(world, server, 'unshelving', doom, 'unshelveScheduled', world.timings.scheduleMs, prng);
}

export function beginStart(world: SimWorld, server: SimServer, prng: Prng): void {
  begin(world, server, 'powering-on', null, 'started', world.timings.powerMs, prng);
}

export function beginStop(world: SimWorld, server: SimServer, prng: Prng): void {
  begin(world, server, 'powering-off', null, 'stopped', world.timings.powerMs, prng);
}

export function beginReboot(world: SimWorld, server: SimServer, prng: Prng): void {
  begin(world, server, 'reboot_started_hard', null, 'rebooted', world.timings.powerMs, prng);
}

/** Returns the id of the new image, which becomes active later. */
export function beginSnapshot(world: SimWorld, server: SimServer, name: string, prng: Prng): string {
  const imageId = addSnapshot(world, server, name, prng);
  const task = world.beginTask(server, 'image_uploading');
  const atMs = world.nowMs + drawMs(world.timings.snapshotMs, prng);
  world.schedule({ atMs, kind: 'snapshotted', subject: server.id, task, imageId });
  return imageId;
}

/** A server without a host, or on a host that is down, is gone at once: Nova's API deletes it locally. */
export function beginDelete(
  world: SimWorld,
  server: SimServer,
  doom: TaskFaultKind | null,
  prng: Prng,
): void {
  if (server.host === null || !hostOf(world, server.host).up) {
    finishDelete(world, server);
    return;
  }
  const task = world.beginTask(server, 'deleting');
  let atMs = world.nowMs + drawMs(world.timings.deleteMs, prng);
  if (doom === 'deleteStalls') {
    atMs += drawMs(world.faults.policy.deleteStallMs, prng);
    world.faults.count(doom);
  }
  world.schedule({ atMs, kind: 'deleted', subject: server.id, task });
}

/** Nova sees the host as down; its servers keep their last state, and their tasks wait until it is back. */
export function setHostUp(world: SimWorld, name: string, up: boolean): void {
  const host = hostOf(world, name);
  if (host.up === up) return;
  host.up = up;
  host.generation += 1;
  world.revision += 1;
  if (!up) {
    host.outage += 1;
    return;
  }
  const { parked } = host;
  host.parked = [];
  for (const event of parked) world.push({ ...event, atMs: world.nowMs });
}

/** Carries on what an event is about. `late` events are the cloud's own. */
export function runEvent(world: SimWorld, event: SimEvent): void {
  if (event.kind === 'hostUp') {
    if (hostOf(world, event.subject).outage === event.task) setHostUp(world, event.subject, true);
    return;
  }
  const server = world.servers.get(event.subject);
  if (server === undefined || server.task !== event.task) {
    if (event.kind === 'snapshotted') dropSnapshot(world, event.imageId ?? null);
    return;
  }
  const host = server.host === null ? null : hostOf(world, server.host);
  if (host !== null && !host.up) {
    host.parked.push(event);
    return;
  }
  const prng = createPrng(Math.imul(event.seq, 0x9e3779b1) ^ Number.parseInt(server.id.slice(0, 8), 16));
  runServerEvent(world, server, event, prng);
  world.touch(server);
}

function runServerEvent(world: SimWorld, server: SimServer, event: SimEvent, prng: Prng): void {
  const { kind } = event;
  switch (kind) {
    case 'schedule':
      return placeNew(world, server, prng);
    case 'spawned':
      return spawned(world, server);
    case 'shelved':
      return shelved(world, server, prng);
    case 'offloaded':
      return offloaded(world, server);
    case 'unshelveScheduled':
      return placeAgain(world, server, prng);
    case 'unshelved':
      if (takeEffect(world, server, 'unshelveInterrupted')) return interrupted(server);
      dropSnapshot(world, server.shelvedImageId);
      server.shelvedImageId = null;
      return running(world, server);
    case 'started':
    case 'rebooted':
      return running(world, server);
    case 'stopped':
      server.vmState = 'stopped';
      server.powerState = SHUT_DOWN;
      server.taskState = null;
      return undefined;
    case 'snapshotted':
      finishSnapshot(world, event.imageId ?? null);
      server.taskState = null;
      return undefined;
    case 'deleted':
      return finishDelete(world, server);
    case 'hostUp':
    case 'late':
      return undefined;
    default:
      return unreachable(kind);
  }
}

// -------------------------------------------------------------------------------------------------- building

function placeNew(world: SimWorld, server: SimServer, prng: Prng): void {
  const host = server.doom === 'noValidHost' ? null : pickHost(world, server.flavor, server.requestedHost);
  if (host === null) {
    takeEffect(world, server, 'noValidHost');
    fail(world, server, NO_VALID_HOST);
    return;
  }
  server.requestedHost = null;
  claim(world, host, server);
  server.pciReportedAtMs = world.nowMs + drawMs(world.timings.pciReportMs, prng);
  const refusal = plug(world, server, prng);
  if (refusal !== null) {
    fail(world, server, `Build of instance ${server.id} aborted: ${refusal}`);
    return;
  }
  if (takeEffect(world, server, 'buildHangs')) {
    server.taskState = 'spawning';
    return;
  }
  next(world, server, 'spawning', 'spawned', world.timings.spawnMs, prng);
}

function spawned(world: SimWorld, server: SimServer): void {
  if (takeEffect(world, server, 'buildError')) {
    const reason = 'Exceeded maximum number of retries. Exceeded max scheduling attempts 3 for instance';
    fail(world, server, `${reason} ${server.id}. Last exception: GPU has fallen off the bus`);
    return;
  }
  running(world, server);
}

function running(world: SimWorld, server: SimServer): void {
  if (server.vmState !== 'active') server.launchedAtMs = world.nowMs;
  server.vmState = 'active';
  server.powerState = RUNNING;
  server.taskState = null;
}

function fail(world: SimWorld, server: SimServer, message: string): void {
  release(world, server);
  unplug(world, server);
  server.vmState = 'error';
  server.taskState = null;
  server.powerState = 0;
  server.fault = { code: 500, message, createdAtMs: world.nowMs };
}

// ------------------------------------------------------------------------------------- shelving and deleting

function shelved(world: SimWorld, server: SimServer, prng: Prng): void {
  if (takeEffect(world, server, 'shelveFails')) {
    dropSnapshot(world, server.shelvedImageId);
    server.shelvedImageId = null;
    server.taskState = null;
    return;
  }
  finishSnapshot(world, server.shelvedImageId);
  server.vmState = 'shelved';
  server.powerState = SHUT_DOWN;
  server.taskState = null;
  const waitMs = world.timings.shelvedOffloadTimeMs;
  if (takeEffect(world, server, 'shelveNotOffloaded') || waitMs === null) return;
  const [minMs, maxMs] = world.timings.offloadMs;
  const taskState = waitMs === 0 ? 'shelving_offloading' : null;
  next(world, server, taskState, 'offloaded', [minMs + waitMs, maxMs + waitMs], prng);
}

function offloaded(world: SimWorld, server: SimServer): void {
  release(world, server);
  server.vmState = 'shelved_offloaded';
  server.taskState = null;
  for (const port of portsOf(world, server)) world.bindPort(port, server.id, port.deviceOwner, '');
}

/**
 * Without a valid host the server just stays offloaded; nothing but its task state tells (nova-conductor,
 * Zed).
 */
function placeAgain(world: SimWorld, server: SimServer, prng: Prng): void {
  if (server.shelvedImageId !== null && !world.images.has(server.shelvedImageId)) {
    const message = `Unshelve attempted but the image ${server.shelvedImageId} cannot be found.`;
    server.vmState = 'error';
    server.taskState = null;
    server.requestedHost = null;
    server.fault = { code: 500, message, createdAtMs: world.nowMs };
    return;
  }
  const ignored = takeEffect(world, server, 'unshelveIgnored') || takeEffect(world, server, 'noValidHost');
  const host = ignored ? null : pickHost(world, server.flavor, server.requestedHost);
  server.requestedHost = null;
  if (host === null) {
    server.taskState = null;
    return;
  }
  claim(world, host, server);
  server.pciReportedAtMs = world.nowMs + drawMs(world.timings.pciReportMs, prng);
  for (const port of portsOf(world, server)) world.bindPort(port, server.id, port.deviceOwner, host.name);
  if (takeEffect(world, server, 'buildHangs')) {
    server.taskState = 'spawning';
    return;
  }
  next(world, server, 'spawning', 'unshelved', world.timings.spawnMs, prng);
}

/**
 * The compute service was started anew while the server was spawning: it is in ERROR and on its host, without
 * a fault (26.2.2: nova/compute/manager.py, `_init_instance`).
 */
function interrupted(server: SimServer): void {
  server.vmState = 'error';
  server.taskState = null;
  server.powerState = 0;
}

function finishDelete(world: SimWorld, server: SimServer): void {
  release(world, server);
  unplug(world, server);
  dropSnapshot(world, server.shelvedImageId);
  server.shelvedImageId = null;
  world.removeServer(server);
}

// ----------------------------------------------------------------------------------------------------- ports

/** Binds the requested ports and makes the others; returns why that is impossible, or null. */
function plug(world: SimWorld, server: SimServer, prng: Prng): string | null {
  const refusal = 'Failed to allocate the network(s), not rescheduling.';
  const host = server.host ?? '';
  for (const requested of server.requestedNetworks) {
    if (requested.kind === 'port') {
      const port = world.ports.get(requested.portId);
      if (port === undefined) return refusal;
      if (port.deviceId !== '') {
        takeAway(world, port);
        return refusal;
      }
      world.bindPort(port, server.id, 'compute:nova', host);
      server.portIds.push(port.id);
      continue;
    }
    const network = world.networks.get(requested.networkId);
    const port = network === undefined ? null : makePort(world, server, network, prng);
    if (port === null) return refusal;
    world.addPort(port);
    server.portIds.push(port.id);
  }
  return null;
}

/**
 * Nova binds the port to the later server, finds that its MAC address is in use, and cleans up: the port is
 * then nobody's, and the earlier server goes on without (nova 26.2.2, network/neutron.py).
 */
function takeAway(world: SimWorld, port: SimPort): void {
  const holder = world.servers.get(port.deviceId);
  if (holder !== undefined) holder.portIds = holder.portIds.filter((id) => id !== port.id);
  world.bindPort(port, '', '', '');
}

function makePort(world: SimWorld, server: SimServer, network: SimNetwork, prng: Prng): SimPort | null {
  const subnet = world.subnets.get(network.subnetId);
  const address = subnet === undefined ? null : pickAddress(world, subnet);
  if (address === null) return null;
  return {
    id: prng.uuid(),
    name: '',
    projectId: server.projectId,
    networkId: network.id,
    subnetId: network.subnetId,
    macAddress: drawMac(prng),
    address,
    description: '',
    tags: [],
    securityGroupIds: [...world.securityGroups.values()]
      .filter((group) => group.projectId === server.projectId && group.name === 'default')
      .map((group) => group.id),
    deviceId: server.id,
    deviceOwner: 'compute:nova',
    host: server.host ?? '',
    ownedByServer: true,
    createdAtMs: world.nowMs,
    updatedAtMs: world.nowMs,
  };
}

/** A MAC address with Neutron's default prefix. */
export function drawMac(prng: Prng): string {
  const tail = [0, 0, 0].map(() => prng.below(256).toString(16).padStart(2, '0'));
  return ['fa', '16', '3e', ...tail].join(':');
}

function unplug(world: SimWorld, server: SimServer): void {
  for (const port of portsOf(world, server)) {
    if (port.ownedByServer) world.removePort(port);
    else world.bindPort(port, '', '', '');
  }
  server.portIds = [];
}

function portsOf(world: SimWorld, server: SimServer): readonly SimPort[] {
  return [...(world.portsByDevice.get(server.id) ?? [])];
}

// --------------------------------------------------------------------------------------------------- helpers

function begin(
  world: SimWorld,
  server: SimServer,
  taskState: string,
  doom: TaskFaultKind | null,
  kind: SimEventKind,
  range: RangeMs,
  prng: Prng,
): void {
  world.beginTask(server, taskState);
  server.doom = doom;
  next(world, server, taskState, kind, range, prng);
}

function next(
  world: SimWorld,
  server: SimServer,
  taskState: string | null,
  kind: SimEventKind,
  range: RangeMs,
  prng: Prng,
): void {
  server.taskState = taskState;
  world.schedule({ atMs: world.nowMs + drawMs(range, prng), kind, subject: server.id, task: server.task });
}

/** Whether the fault that was drawn with the request is this one; if so, it is now used up and counted. */
function takeEffect(world: SimWorld, server: SimServer, kind: TaskFaultKind): boolean {
  if (server.doom !== kind) return false;
  server.doom = null;
  world.faults.count(kind);
  return true;
}

function addSnapshot(world: SimWorld, server: SimServer, name: string, prng: Prng): string {
  const id = prng.uuid();
  world.images.set(id, {
    id,
    name,
    projectId: server.projectId,
    visibility: 'private',
    status: 'queued',
    minDisk: server.flavor.disk,
    minRam: 0,
    sizeBytes: null,
    // What is said of an image is said of what was made of it (nova/compute/utils.py, get_image_metadata).
    properties: {
      ...world.images.get(server.imageId ?? '')?.properties,
      image_type: 'snapshot',
      instance_uuid: server.id,
      base_image_ref: server.imageId,
    },
    createdAtMs: world.nowMs,
    updatedAtMs: world.nowMs,
  });
  return id;
}

function finishSnapshot(world: SimWorld, imageId: string | null): void {
  const image = imageId === null ? undefined : world.images.get(imageId);
  if (image === undefined) return;
  image.status = 'active';
  image.sizeBytes = 4096;
  image.updatedAtMs = world.nowMs;
}

function dropSnapshot(world: SimWorld, imageId: string | null): void {
  if (imageId !== null && world.images.delete(imageId)) world.revision += 1;
}
