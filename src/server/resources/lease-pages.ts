import type { z } from 'zod';
import type { leasePage, listLeasesQuery } from '../../api/leases.ts';
import type { ProjectId } from '../../base/ids.ts';
import type { Lease } from '../../domain/model/lease.ts';
import type { LeaseView, Session } from '../../engine/views.ts';
import { leaseToJson } from '../present/lease.ts';
import { projectIdOf } from './projects.ts';

type Query = z.output<typeof listLeasesQuery>;
type Page = z.output<typeof leasePage>;

/**
 * One page of leases. Live ones come oldest first and are continued by time of creation and id, so that
 * leases that end between two pages shift nothing; ended ones come newest first and are continued by the time
 * of their end.
 */
export function pageOfLeases(session: Session, query: Query, nowMs: number): Page | Promise<Page> {
  return query.state === 'ended' ? endedPage(session, query, nowMs) : livePage(session, query, nowMs);
}

function livePage(session: Session, query: Query, nowMs: number): Page {
  const start = query.marker === undefined ? null : positionOf(query.marker);
  const wanted = session
    .leases(projectOf(session, query))
    .filter(({ lease }) => query.state === 'live' || lease.state.kind === query.state)
    .filter(({ lease }) => query.owner_id === undefined || lease.ownerId === query.owner_id)
    .filter(({ lease }) => start === null || compare(lease, start) > 0)
    .toSorted((a, b) => compare(a.lease, b.lease));
  const page = wanted.slice(0, query.limit);
  const last = page.at(-1)?.lease;
  const more = last !== undefined && wanted.length > page.length;
  return { leases: toJson(page, nowMs), next: more ? `${last.createdAtMs}.${last.id}` : null };
}

async function endedPage(session: Session, query: Query, nowMs: number): Promise<Page> {
  const beforeMs = query.marker === undefined ? null : positionOf(query.marker).createdAtMs;
  const page = await session.endedLeases(projectOf(session, query), beforeMs, query.limit);
  const last = page.at(-1)?.lease.state;
  const more = page.length === query.limit && last?.kind === 'ended';
  const wanted = page.filter(({ lease }) => query.owner_id === undefined || lease.ownerId === query.owner_id);
  return { leases: toJson(wanted, nowMs), next: more ? String(last.atMs) : null };
}

type Position = Pick<Lease, 'createdAtMs'> & { readonly id: string };

/** A marker as the schema has checked it: `<ms>` or `<ms>.<id>`. */
function positionOf(marker: string): Position {
  const dot = marker.indexOf('.');
  if (dot < 0) return { createdAtMs: Number(marker), id: '' };
  return { createdAtMs: Number(marker.slice(0, dot)), id: marker.slice(dot + 1) };
}

function compare(a: Position, b: Position): number {
  if (a.createdAtMs !== b.createdAtMs) return a.createdAtMs - b.createdAtMs;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

function projectOf(session: Session, query: Query): ProjectId | null {
  return query.project_id === undefined ? null : projectIdOf(session, query.project_id);
}

function toJson(views: readonly LeaseView[], nowMs: number): Page['leases'] {
  return views.map((view) => leaseToJson(view, nowMs));
}
