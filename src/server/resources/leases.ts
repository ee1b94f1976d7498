import type { z } from 'zod';
import type { adoptionBody, createLeaseBody, LeaseJson } from '../../api/leases.ts';
import { routes } from '../../api/routes.ts';
import { assert, assertDefined } from '../../base/assert.ts';
import { asId, type FlavorId, type HostId, type Ids, type LeaseId } from '../../base/ids.ts';
import { SECOND_MS } from '../../base/units.ts';
import { roleEverywhere } from '../../domain/authorize.ts';
import type { UserCommand, Wanted } from '../../domain/command.ts';
import type { Lease } from '../../domain/model/lease.ts';
import type { Setup } from '../../domain/model/setup.ts';
import type { LeaseView, Session } from '../../engine/views.ts';
import type { Call, Register } from '../dispatch.ts';
import type { ServerOptions } from '../options.ts';
import { adoptableToJson } from '../present/adoptable.ts';
import { leaseToJson } from '../present/lease.ts';
import { found, Problem } from '../problem.ts';
import { pageOfLeases } from './lease-pages.ts';
import { setupOf } from './lease-setup.ts';
import { projectIdOf } from './projects.ts';

type CreateBody = z.output<typeof createLeaseBody>;
type AdoptionBody = z.output<typeof adoptionBody>;
type CreateCommand = Extract<UserCommand, { readonly type: 'lease.create' }>;
type AdoptCommand = Extract<UserCommand, { readonly type: 'lease.adopt' }>;

/** Borrowing: from the body to the command, and from the view to the body. */
export function leaseRoutes(register: Register, options: ServerOptions): void {
  const { engine, ids } = options;
  register('listLeases', routes.listLeases, ({ session, query, nowMs }) =>
    pageOfLeases(session, query, nowMs),
  );

  register('createLease', routes.createLease, async (call) => {
    requireReady(options);
    const reply = await call.submit(createCommand(call, ids, setupOf(call, options)));
    assert(reply.kind === 'leases', 'a created lease is answered with its id');
    const leases = await Promise.all(reply.leaseIds.map((id) => shown(call.session, id, engine.nowMs())));
    const [only] = leases;
    return only !== undefined && leases.length === 1 ? { leases, lease: only } : { leases };
  });

  register('getLease', routes.getLease, async ({ session, params, nowMs }) => ({
    lease: leaseToJson(found(await session.lease(params.id)), nowMs),
  }));

  ticketRoutes(register, options);

  register('releaseLease', routes.releaseLease, (call) =>
    changed(call, options, ({ id }) => ({ type: 'lease.release', leaseId: id })),
  );

  register('shelveLease', routes.shelveLease, (call) =>
    changed(call, options, ({ id }) => ({ type: 'lease.shelve', leaseId: id })),
  );

  register('extendLease', routes.extendLease, (call) =>
    changed(call, options, (lease) => {
      const longer = durationMs(call.body);
      const expiresAtMs =
        call.body.expires_at ?? (longer === null ? null : plannedEnd(lease, call.nowMs) + longer);
      const role = roleEverywhere(call.caller);
      const exempt = call.body.override_limits ?? null;
      return { type: 'lease.extend', leaseId: lease.id, role, expiresAtMs, exempt };
    }),
  );

  register('unshelveLease', routes.unshelveLease, (call) =>
    changed(call, options, ({ id }) => ({
      type: 'lease.unshelve',
      leaseId: id,
      role: roleEverywhere(call.caller),
      durationMs: durationMs(call.body),
      waitUntilMs: waitUntilMs(call.body.wait, call.nowMs),
      exempt: call.body.override_limits ?? null,
    })),
  );

  register('listAdoptable', routes.listAdoptable, ({ session }) => ({
    servers: found(session.adoptable()).map(adoptableToJson),
  }));

  register('adoptLease', routes.adoptLease, async (call) => {
    const reply = await call.submit(adoptCommand(call.body, call.session, ids));
    assert(reply.kind === 'leases', 'an adopted lease is answered with its id');
    // Of the reply, not of the command: a repetition is answered with the lease of the first time.
    const [id] = reply.leaseIds;
    return {
      lease: await shown(call.session, assertDefined(id, 'an adoption makes a lease'), engine.nowMs()),
    };
  });
}

/** What is on the shelf: how long, and until when it comes back by itself. */
function ticketRoutes(register: Register, options: ServerOptions): void {
  register('keepLease', routes.keepLease, (call) =>
    changed(call, options, ({ id }) => ({
      type: 'lease.keep',
      leaseId: id,
      durationMs: durationMs(call.body) ?? 0,
    })),
  );

  register('setTicket', routes.setTicket, (call) =>
    changed(call, options, ({ id }) => ({ type: 'lease.ticket', leaseId: id, ticket: call.body.ticket })),
  );
}

/**
 * Refuses what would be misjudged before the clouds were seen: an unknown flavor may just not be known yet.
 */
export function requireReady(options: ServerOptions): void {
  if (options.engine.ready()) return;
  throw new Problem('not_ready', {
    detail: 'the clouds have not been seen completely since the start',
    headers: { 'retry-after': '2' },
  });
}

/** `duration` or `duration_seconds` of a body; null: neither. */
export function durationMs(body: {
  readonly duration?: number | null | undefined;
  readonly duration_seconds?: number | null | undefined;
}): number | null {
  const { duration, duration_seconds: seconds } = body;
  return duration ?? (seconds === undefined || seconds === null ? null : seconds * SECOND_MS);
}

export function wantedOf(body: Pick<CreateBody, 'flavor' | 'requirements'>): Wanted {
  const { flavor, requirements } = body;
  if (flavor !== undefined && flavor !== null) return { kind: 'flavor', flavor };
  assert(requirements !== undefined && requirements !== null, 'the schema requires a flavor or requirements');
  return {
    kind: 'requirements',
    deviceClass: requirements.gpu ?? requirements.class ?? '',
    count: requirements.count,
    vcpus: requirements.vcpus,
    memoryMiB: requirements.memory_mib,
    diskGiB: requirements.disk_gib,
  };
}

function createCommand(call: Call<typeof routes.createLease>, ids: Ids, setup: Setup | null): CreateCommand {
  const { body, caller, nowMs } = call;
  const from = body.from ?? null;
  const leaseIds = Array.from({ length: body.count }, (): LeaseId => asId<'lease'>(ids.next()));
  return {
    type: 'lease.create',
    leaseIds,
    projectId: body.project_id ? projectIdOf(call.session, body.project_id) : caller.projectId,
    ownerId: caller.userId,
    name: body.name ?? `lease-${(leaseIds[0] ?? '').slice(0, 8)}`,
    wanted: wantedOf(body),
    hostId: body.host ? hostIdOf(call.session, body.host) : null,
    role: roleEverywhere(caller),
    durationMs: durationMs(body),
    atEnd: body.at_end ?? null,
    renew: body.renew ?? null,
    ticket: body.ticket ?? null,
    purpose: body.purpose,
    exempt: body.override_limits ?? null,
    image: body.image ?? null,
    sshPublicKey: body.ssh_public_key ?? null,
    ...(setup !== null && { setup }),
    waitUntilMs: waitUntilMs(body.wait, nowMs),
    window: from === null ? null : { fromMs: from, reservationId: asId<'reservation'>(ids.next()) },
  };
}

function adoptCommand(body: AdoptionBody, session: Session, ids: Ids): AdoptCommand {
  const { connection, host } = body;
  // One without the other is refused by the schema.
  const running = connection && host ? { hostId: hostIdOf(session, host), connection } : null;
  return {
    type: 'lease.adopt',
    leaseId: asId<'lease'>(body.lease_id ?? ids.next()),
    projectId: projectIdOf(session, body.project_id),
    ownerId: body.owner_id,
    name: body.name,
    flavorId: flavorIdOf(session, body.flavor),
    refs: {
      portId: body.port_id ?? null,
      serverId: body.server_id,
      floatingIpId: body.floating_ip_id ?? null,
      address: connection?.host ?? null,
    },
    running,
    durationMs: durationMs(body) ?? 0,
    atEnd: body.at_end,
  };
}

/**
 * What is unknown goes on as it was written: the engine refuses it, but not before it has looked whether the
 * request is a repetition, which is answered as the first time.
 */
function hostIdOf(session: Session, idOrName: string): HostId {
  const host = session.host(idOrName);
  return host.ok ? host.value.host.id : asId(idOrName);
}

function flavorIdOf(session: Session, idOrName: string): FlavorId {
  const flavor = session.flavor(idOrName);
  const isUnknown = !flavor.ok && flavor.refusal.code === 'not_found';
  return isUnknown ? asId(idOrName) : found(flavor).flavor.id;
}

/** Finds the lease (its id may be shortened), gives the command about it, and shows it as it is then. */
async function changed(
  call: Pick<Call<typeof routes.getLease>, 'session' | 'params' | 'submit'>,
  options: ServerOptions,
  commandOf: (lease: Lease) => UserCommand,
): Promise<{ readonly lease: LeaseJson }> {
  const { lease } = found(await call.session.lease(call.params.id));
  await call.submit(commandOf(lease));
  return { lease: await shown(call.session, lease.id, options.engine.nowMs()) };
}

async function shown(session: Session, id: LeaseId, nowMs: number): Promise<LeaseJson> {
  const view: LeaseView = found(await session.lease(id));
  return leaseToJson(view, nowMs);
}

/** What an extension is added to. A lease that is not active is refused by the engine whatever the number. */
function plannedEnd(lease: Lease, nowMs: number): number {
  return lease.state.kind === 'active' ? lease.state.expiresAtMs : nowMs;
}

/** 0: now or never. null: without end. */
function waitUntilMs(wait: number | null | undefined, nowMs: number): number | null {
  if (wait === undefined || wait === null) return null;
  return wait === 0 ? 0 : nowMs + wait;
}
