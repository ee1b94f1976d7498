/**
 * `POST /servers/{id}/action`. Source: nova 26 (Zed), compute/shelve.py, lock_server.py, servers.py,
 * compute/api.py.
 */
import type { Call, Reply } from './http.ts';
import { setupConsole } from './guest.ts';
import { isRecord, stringAt } from './http.ts';
import {
  beginOffload,
  beginReboot,
  beginShelve,
  beginSnapshot,
  beginStart,
  beginStop,
  beginUnshelve,
} from './lifecycle.ts';
import type { SimServer, VmState } from './model.ts';
import { novaError, policyRefusal } from './nova-errors.ts';

const ACCEPTED: Reply = { status: 202 };

export function serverAction(call: Call, server: SimServer): Reply {
  const { body } = call;
  const [name, ...others] = isRecord(body) ? Object.keys(body) : [];
  if (name === undefined || others.length > 0 || !isRecord(body)) {
    throw novaError(400, 'There is no such action: the body must name exactly one');
  }
  const action = ACTIONS.get(name);
  if (action === undefined) throw novaError(400, `There is no such action: ${name}`);
  return action(call, server, body[name]);
}

type Action = (call: Call, server: SimServer, argument: unknown) => Reply;

const ACTIONS: ReadonlyMap<string, Action> = new Map(
  Object.entries<Action>({
    shelve,
    shelveOffload,
    unshelve,
    'os-start': (call, server) => {
      requireState(call, server, 'start', ['stopped']);
      requireHostUp(call, server);
      beginStart(call.world, server, call.prng);
      return ACCEPTED;
    },
    'os-stop': (call, server) => {
      requireState(call, server, 'stop', ['active']);
      requireHostUp(call, server);
      beginStop(call.world, server, call.prng);
      return ACCEPTED;
    },
    reboot: (call, server) => {
      requireState(call, server, 'reboot', ['active', 'stopped']);
      beginReboot(call.world, server, call.prng);
      return ACCEPTED;
    },
    lock,
    unlock,
    createImage,
    'os-resetState': resetState,
    'os-getConsoleOutput': consoleOutput,
  }),
);

function shelve(call: Call, server: SimServer): Reply {
  requireState(call, server, 'shelve', ['active', 'stopped']);
  const kinds = ['shelveFails', 'shelveNotOffloaded'] as const;
  beginShelve(
    call.world,
    server,
    call.world.faults.drawTask(call.method, call.path, call.prng, kinds),
    call.prng,
  );
  return ACCEPTED;
}

function shelveOffload(call: Call, server: SimServer): Reply {
  if (!call.isAdmin) throw policyRefusal('os_compute_api:os-shelve:shelve_offload');
  requireState(call, server, 'shelveOffload', ['shelved']);
  beginOffload(call.world, server, call.prng);
  return ACCEPTED;
}

function unshelve(call: Call, server: SimServer, argument: unknown): Reply {
  const host = stringAt(argument, 'host');
  const zone = stringAt(argument, 'availability_zone');
  if (argument !== null) {
    const named = host !== null || (isRecord(argument) && 'availability_zone' in argument);
    if (!named || call.minor < (host === null ? 77 : 91)) {
      throw novaError(400, 'Invalid input for field/attribute unshelve.');
    }
    if (host !== null && !call.isAdmin) throw policyRefusal('os_compute_api:os-shelve:unshelve_to_host');
    if (zone !== null && zone !== 'nova')
      throw novaError(400, 'The requested availability zone is not available');
    if (host !== null && !call.world.hosts.has(host)) {
      throw novaError(400, `Compute host ${host} could not be found.`);
    }
  }
  requireState(call, server, 'unshelve', ['shelved', 'shelved_offloaded']);
  if (argument !== null && server.vmState === 'shelved') {
    throw novaError(409, `Cannot 'unshelve' instance ${server.id} while it is in vm_state shelved`);
  }
  server.requestedHost = host;
  const offloaded = server.vmState === 'shelved_offloaded';
  const kinds = offloaded
    ? (['buildHangs', 'unshelveIgnored', 'noValidHost', 'unshelveInterrupted'] as const)
    : [];
  beginUnshelve(
    call.world,
    server,
    call.world.faults.drawTask(call.method, call.path, call.prng, kinds),
    call.prng,
  );
  return ACCEPTED;
}

function lock(call: Call, server: SimServer, argument: unknown): Reply {
  const reason = stringAt(argument, 'locked_reason');
  if (argument !== null && call.minor < 73) throw novaError(400, 'Invalid input for field/attribute lock.');
  const isOwner = server.projectId === call.token.projectId;
  if (server.locked && isOwner) return ACCEPTED;
  server.locked = true;
  server.lockedBy = isOwner ? 'owner' : 'admin';
  server.lockedReason = reason;
  call.world.touch(server);
  return ACCEPTED;
}

/** What somebody of another project has locked, only an admin unlocks. */
function unlock(call: Call, server: SimServer): Reply {
  if (server.lockedBy === 'admin' && !call.isAdmin) {
    throw policyRefusal('os_compute_api:os-lock-server:unlock:unlock_override');
  }
  server.locked = false;
  delete server.lockedBy;
  server.lockedReason = null;
  call.world.touch(server);
  return ACCEPTED;
}

/** Changes what is said of the server, and nothing else (26.2.2: compute/admin_actions.py). */
function resetState(call: Call, server: SimServer, argument: unknown): Reply {
  if (!call.isAdmin) throw policyRefusal('os_compute_api:os-admin-actions:reset_state');
  const state = stringAt(argument, 'state');
  if (state !== 'active' && state !== 'error')
    throw novaError(400, 'Invalid input for field/attribute state.');
  call.world.beginTask(server, null);
  server.vmState = state;
  call.world.touch(server);
  return ACCEPTED;
}

function createImage(call: Call, server: SimServer, argument: unknown): Reply {
  const name = stringAt(argument, 'name');
  if (name === null || name === '') throw novaError(400, "'name' is a required property");
  requireState(call, server, 'createImage', ['active', 'stopped']);
  const imageId = beginSnapshot(call.world, server, name, call.prng);
  if (call.minor >= 45) return { status: 202, json: { image_id: imageId } };
  return { status: 202, headers: { location: `${call.origin}/image/v2/images/${imageId}` } };
}

function consoleOutput(call: Call, server: SimServer): Reply {
  const host = server.host === null ? undefined : call.world.hosts.get(server.host);
  if (host === undefined || server.launchedAtMs === null) {
    throw novaError(409, `Instance ${server.id} is not ready`);
  }
  const cards = host.devices
    .filter((device) => device.serverId === server.id)
    .map((device) => `[    1.000000] nvidia ${device.address}: ${device.model} ready\n`);
  // A machine of the simulation boots in no time, but for what it was asked to be.
  const boot = `[    0.000000] Linux on ${host.name}, instance ${server.id}\n`;
  const setup = setupConsole(server.userData, call.world.nowMs - server.launchedAtMs);
  const told = setup.lines.map((line) => `${line}\n`).join('');
  const finished = `Cloud-init v. 22.4.2 finished at ${new Date(server.launchedAtMs).toUTCString()}\n`;
  const end = setup.isOver ? `${finished}${server.name} login: ` : '';
  return { status: 200, json: { output: `${boot}${cards.join('')}${told}${end}` } };
}

/** 409 if it is locked (members only), busy, or in another state, in the order in which Nova looks. */
function requireState(call: Call, server: SimServer, action: string, states: readonly VmState[]): void {
  if (server.locked && !call.isAdmin) throw novaError(409, `Instance ${server.id} is locked`);
  const refusal = `Cannot '${action}' instance ${server.id} while it is in`;
  if (!states.includes(server.vmState)) throw novaError(409, `${refusal} vm_state ${server.vmState}`);
  if (server.taskState !== null) throw novaError(409, `${refusal} task_state ${server.taskState}`);
}

function requireHostUp(call: Call, server: SimServer): void {
  const host = server.host === null ? undefined : call.world.hosts.get(server.host);
  if (host?.up !== true) throw novaError(409, 'Service is unavailable at this time.');
}
