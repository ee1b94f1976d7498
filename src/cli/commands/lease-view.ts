import type { LeaseJson } from '../../api/leases.ts';
import type { CliContext } from '../context.ts';
import {
  countsCell,
  idCell,
  linesCell,
  numberCell,
  secondsCell,
  shortId,
  shownAs,
  textCell,
  timeCell,
  type Cell,
} from '../format/cell.ts';
import { printShow, type Column, type Field, type ShowFormat } from '../format/output.ts';
import { stateCell, waitText } from '../lease-text.ts';

export function leaseColumns(nowMs: number): readonly Column<LeaseJson>[] {
  return [
    { name: 'ID', cell: (lease) => idCell(lease.id) },
    { name: 'Name', cell: nameCell },
    { name: 'State', cell: stateCell },
    { name: 'Flavor', cell: (lease) => textCell(lease.flavor) },
    { name: 'GPUs', cell: (lease) => countsCell(lease.gpus), long: true },
    { name: 'Host', cell: (lease) => textCell(lease.host), sparse: true },
    { name: 'Address', cell: (lease) => textCell(lease.connection?.host ?? null), sparse: true },
    { name: 'Starts', cell: (lease) => timeCell(lease.starts_at ?? lease.forecast_at, nowMs), sparse: true },
    { name: 'Ends', cell: (lease) => timeCell(lease.expires_at, nowMs), sparse: true },
    { name: 'Kept Until', cell: (lease) => timeCell(lease.keep_until, nowMs), sparse: true },
    { name: 'At End', cell: (lease) => textCell(lease.at_end), long: true },
    { name: 'Project', cell: projectCell, long: true },
    { name: 'Owner', cell: (lease) => textCell(lease.owner_id), long: true },
    { name: 'Created', cell: (lease) => timeCell(lease.created_at, nowMs), long: true },
    { name: 'Ended', cell: (lease) => timeCell(lease.ended_at, nowMs), sparse: true },
    { name: 'GPU Time', cell: (lease) => secondsCell(lease.gpu_seconds), long: true },
  ];
}

export function printLease(context: CliContext, format: ShowFormat, lease: LeaseJson): void {
  printShow(context, format, leaseFields(lease, context.nowMs));
}

function leaseFields(lease: LeaseJson, nowMs: number): readonly Field[] {
  return [
    ['id', textCell(lease.id)],
    ['name', textCell(lease.name)],
    ['state', stateCell(lease)],
    ['ssh', textCell(lease.connection?.ssh ?? null, 'strong')],
    ['flavor', textCell(lease.flavor)],
    ['gpus', countsCell(lease.gpus)],
    ['host', textCell(lease.host)],
    ['image', textCell(lease.image)],
    ['duration_seconds', secondsCell(lease.duration_seconds)],
    ['starts_at', timeCell(lease.starts_at, nowMs)],
    ['expires_at', timeCell(lease.expires_at, nowMs)],
    ['renewed_since', timeCell(lease.renewed_since, nowMs)],
    ['grace_until', timeCell(lease.grace_until, nowMs)],
    ['at_end', shownAs(lease.at_end, AT_END_TEXTS[lease.at_end])],
    ['renew', shownAs(lease.renew, lease.renew ? 'yes, while nobody waits' : 'no')],
    ['ticket', ticketCell(lease, nowMs)],
    ['keep_until', timeCell(lease.keep_until, nowMs)],
    ['scratch_gib', shownAs(lease.scratch_gib, scratchText(lease))],
    ['ended_at', timeCell(lease.ended_at, nowMs)],
    ['end_reason', textCell(lease.end_reason)],
    ['cause', textCell(lease.cause, 'bad')],
    ['position', numberCell(lease.position)],
    ['forecast_at', timeCell(lease.forecast_at, nowMs)],
    ['wait_reasons', shownAs(lease.wait_reasons, waitText(lease.wait_reasons))],
    ['wait_until', timeCell(lease.wait_until, nowMs)],
    ['progress', textCell(lease.progress)],
    ['obstacle', textCell(lease.obstacle, 'warn')],
    ['connection', connectionCell(lease)],
    ['profiles', linesCell(lease.profiles.map(profileText))],
    ['notes', linesCell(lease.notes)],
    ['unreachable_since', timeCell(lease.unreachable_since, nowMs)],
    ['setbacks', setbacksCell(lease)],
    ['created_at', timeCell(lease.created_at, nowMs)],
    ['gpu_seconds', secondsCell(lease.gpu_seconds)],
    ['project_id', textCell(lease.project_id)],
    ['project_name', textCell(lease.project_name)],
    ['owner_id', textCell(lease.owner_id)],
    ['reservation_id', textCell(lease.reservation_id)],
    ['generation', numberCell(lease.generation)],
  ];
}

const AT_END_TEXTS: Readonly<Record<LeaseJson['at_end'], string>> = {
  shelve: 'shelve (the root disk is kept)',
  delete: 'delete',
  shelve_or_delete: 'shelve_or_delete (deleted where it cannot be shelved)',
};

function scratchText({ scratch_gib: gib, at_end: atEnd }: LeaseJson): string {
  return gib === 0 || atEnd === 'delete' ? String(gib) : `${gib} (lost when it is shelved)`;
}

function ticketCell({ ticket }: LeaseJson, nowMs: number): Cell {
  return ticket === 'now' ? shownAs(ticket, 'now (as soon as its time is over)') : timeCell(ticket, nowMs);
}

/** As `--profile` takes it. */
function profileText({ name, params }: LeaseJson['profiles'][number]): string {
  const given = Object.entries(params).map(([key, value]) => `${key}=${value}`);
  return given.length === 0 ? name : `${name}:${given.join(',')}`;
}

/** A name that was only made of the id says nothing beside it. */
function nameCell({ id, name }: LeaseJson): Cell {
  const cell = textCell(name);
  return name.endsWith(shortId(id)) ? { ...cell, short: '-' } : cell;
}

/** The name alone: people know no project by its id. */
function projectCell({ project_id: id, project_name: name }: LeaseJson): Cell {
  return shownAs(id, name ?? id);
}

function connectionCell({ connection }: LeaseJson): Cell {
  if (connection === null) return textCell(null);
  const { host, port, user } = connection;
  return shownAs({ ...connection }, `${user}@${host}, port ${port}`);
}

function setbacksCell({ setbacks }: LeaseJson): Cell {
  const lines = setbacks.map(
    ({ at, message, host_id: host }) => `${at}${host === null ? '' : ` on ${host}`}: ${message}`,
  );
  return { ...linesCell(lines, 'warn'), value: setbacks.map((setback) => ({ ...setback })) };
}
