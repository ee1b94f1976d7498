/** The `/_sim/` door of the listener: looks into the simulated cloud and disturbs it. Says nothing secret. */
import { z } from 'zod';
import type { Prng } from '../base/prng.ts';
import type { SimCloud } from './cloud.ts';
import {
  FAULT_KINDS,
  NO_FAULTS,
  REQUEST_FAULT_KINDS,
  TASK_FAULT_KINDS,
  WORLD_FAULT_KINDS,
} from './faults.ts';
import type { SimResponse } from './http.ts';
import { statusOf } from './nova-views.ts';

export interface DoorRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** Only JSON is taken: a web page elsewhere cannot send that without asking first. */
  readonly isJson: boolean;
}

export function answerDoor(cloud: SimCloud, request: DoorRequest, nowMs: number, prng: Prng): SimResponse {
  const [, , kind, name, act] = request.path.split('?', 1).join('').split('/');
  if (request.method === 'GET' && kind === 'state') {
    cloud.advance(nowMs);
    return reply(200, stateOf(cloud));
  }
  if (!request.isJson) return reply(415, { error: 'send application/json' });
  if (request.method === 'POST' && kind === 'faults') return takeFault(cloud, request.body, nowMs, prng);
  if (request.method === 'PUT' && kind === 'policy') return takePolicy(cloud, request.body);
  if (request.method === 'POST' && kind === 'hosts' && (act === 'up' || act === 'down')) {
    return found(cloud.setHostUp(name ?? '', act === 'up', nowMs));
  }
  if (request.method === 'POST' && kind === 'servers' && act === 'delete') {
    return found(cloud.deleteServer(name ?? '', nowMs, prng));
  }
  return found(false);
}

const armSchema = z.strictObject({
  kind: z.enum([...REQUEST_FAULT_KINDS, ...TASK_FAULT_KINDS]),
  method: z.string().optional(),
  pathContains: z.string().optional(),
});
const disturbSchema = z.strictObject({
  kind: z.enum(WORLD_FAULT_KINDS),
  target: z.string().nullable().default(null),
});
const policySchema = z.strictObject({
  rates: z.partialRecord(z.enum(FAULT_KINDS), z.number().min(0).max(1)),
});

function takeFault(cloud: SimCloud, body: string, nowMs: number, prng: Prng): SimResponse {
  const json = parseJson(body);
  const disturbance = disturbSchema.safeParse(json);
  if (disturbance.success) {
    const { kind, target } = disturbance.data;
    return found(cloud.disturb(kind, target, nowMs, prng));
  }
  const armed = armSchema.safeParse(json);
  if (!armed.success) return reply(400, { error: z.prettifyError(armed.error), kinds: FAULT_KINDS });
  const { kind, method, pathContains } = armed.data;
  cloud.arm({
    kind,
    ...(method === undefined ? {} : { method }),
    ...(pathContains === undefined ? {} : { pathContains }),
  });
  return reply(200, { ok: true });
}

function takePolicy(cloud: SimCloud, body: string): SimResponse {
  const policy = policySchema.safeParse(parseJson(body));
  if (!policy.success) return reply(400, { error: z.prettifyError(policy.error), kinds: FAULT_KINDS });
  const rates = Object.fromEntries(Object.entries(policy.data.rates).filter(([, rate]) => rate > 0));
  cloud.faultPolicy = { ...NO_FAULTS, rates };
  return reply(200, { ok: true });
}

function stateOf(cloud: SimCloud): unknown {
  return {
    nowMs: cloud.nowMs,
    hosts: [...cloud.hosts.values()].map((host) => ({
      name: host.name,
      up: host.up,
      enabled: host.enabled,
      usedVcpus: host.usedVcpus,
      usedRamMiB: host.usedRamMiB,
      devices: host.devices.map(({ address, model, serverId }) => ({ address, model, serverId })),
    })),
    servers: [...cloud.servers.values()].map((server) => ({
      id: server.id,
      name: server.name,
      projectId: server.projectId,
      flavor: server.flavor.name,
      status: statusOf(server),
      taskState: server.taskState,
      host: server.host,
      tags: server.tags,
    })),
    ports: [...cloud.ports.values()].map(({ id, address, deviceId, description }) => ({
      id,
      address,
      deviceId,
      description,
    })),
    floatingIps: [...cloud.floatingIps.values()].map(({ id, address, portId, description }) => ({
      id,
      address,
      portId,
      description,
    })),
    faultCounts: cloud.faultCounts,
  };
}

function found(done: boolean): SimResponse {
  return done ? reply(200, { ok: true }) : reply(404, { error: 'nothing here that this fits' });
}

function reply(status: number, json: unknown): SimResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(json) };
}

function parseJson(body: string): unknown {
  try {
    const parsed: unknown = JSON.parse(body);
    return parsed;
  } catch {
    return null;
  }
}
