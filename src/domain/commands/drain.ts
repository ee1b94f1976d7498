/** Maintenance windows of hosts. */
import type { HostId } from '../../base/ids.ts';
import { formatTime } from '../../base/units.ts';
import type { UserCommand } from '../command.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import { schedule } from '../scheduler/pass.ts';
import { DONE, type Handled } from './handled.ts';
import { timeInPast } from './refusals.ts';

/** From then on nothing lands there; those who hold something there past its beginning are told. */
export function drainHost(
  draft: Draft,
  command: Extract<UserCommand, { readonly type: 'host.drain' }>,
): Handled {
  const { world, nowMs } = draft;
  const row = world.hosts.get(command.hostId);
  if (row === undefined) return unknownHost(command.hostId);
  if (command.untilMs !== null && command.untilMs <= nowMs)
    return timeInPast('until', command.untilMs, nowMs, 'Give a future time, or leave it out.');
  if (command.untilMs !== null && command.untilMs <= command.fromMs) {
    return refuse(
      'invalid',
      'The drain would end before it begins.',
      'Give an --until after --from, or leave it out.',
      'until',
    );
  }
  const drain = {
    fromMs: command.fromMs,
    untilMs: command.untilMs,
    reason: command.reason,
    actor: draft.actor,
  };
  draft.put({ entity: 'host', id: row.host.id, after: { ...row.host, drain } });
  const when = {
    from: formatTime(drain.fromMs),
    until: drain.untilMs === null ? null : formatTime(drain.untilMs),
  };
  draft.tell('host.drained', 'host', row.host.id, command.reason, when);
  for (const [leaseId, { claim }] of row.claims) {
    if (claim.untilMs <= drain.fromMs) continue;
    const lease = world.leases.get(leaseId);
    if (lease === undefined) continue;
    draft.events.push({
      type: 'lease.host_draining',
      entity: 'lease',
      id: leaseId,
      projectId: lease.projectId,
      before: lease.state.kind,
      after: lease.state.kind,
      reason: `host ${row.host.name} goes into maintenance: ${command.reason}`,
      data: when,
    });
  }
  // The head of the queue may have been promised this host.
  schedule(draft);
  return { kind: 'reply', reply: { kind: 'host', hostId: row.host.id } };
}

export function undrainHost(draft: Draft, hostId: HostId): Handled {
  const row = draft.world.hosts.get(hostId);
  if (row === undefined) return unknownHost(hostId);
  if (row.host.drain === null) return DONE;
  draft.put({ entity: 'host', id: hostId, after: { ...row.host, drain: null } });
  draft.tell('host.undrained', 'host', hostId, null);
  schedule(draft);
  return { kind: 'reply', reply: { kind: 'host', hostId } };
}

function unknownHost(hostId: HostId): Handled {
  return refuse('host_unknown', `There is no host '${hostId}'.`, 'See `berth host list`.', 'host');
}
