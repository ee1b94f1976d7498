import type { FastifyReply, FastifyRequest } from 'fastify';
import { routes } from '../../api/routes.ts';
import type { LeaseId } from '../../base/ids.ts';
import type { Session } from '../../engine/views.ts';
import { secretOf, type Gate } from '../auth.ts';
import type { Register } from '../dispatch.ts';
import { removedAfter, type EventStreams } from '../event-streams.ts';
import { eventToJson, removedToJson } from '../present/event.ts';
import { found, Problem } from '../problem.ts';

export function eventRoutes(register: Register, streams: EventStreams, gate: Gate): void {
  register('listEvents', routes.listEvents, async ({ session, query, request, reply, admission }) => {
    const leaseId = query.lease === undefined ? null : await leaseIdOf(session, query.lease);
    const filter = { leaseId, type: query.type ?? null };
    if (wantsStream(request)) {
      const secret = secretOf(request.headers);
      const afterSeq = lastEventId(request) ?? query.after ?? null;
      takeOver(reply, (headers) =>
        streams.open({
          session,
          filter,
          afterSeq,
          response: reply.raw,
          headers,
          stillValid: () => gate.stillValid(secret, admission),
        }),
      );
      return null;
    }
    const newestFirst = query.order === 'newest';
    const events = await session.events({
      afterSeq: query.after ?? 0,
      limit: query.limit,
      ...filter,
      newestFirst,
    });
    const more = !newestFirst && events.length === query.limit;
    const floor = removedAfter(session, query.after ?? 0);
    return {
      events: events.map(eventToJson),
      removed: floor && removedToJson(floor),
      next: more ? (events.at(-1)?.seq ?? null) : null,
    };
  });
}

async function leaseIdOf(session: Session, id: string): Promise<LeaseId> {
  return found(await session.lease(id)).lease.id;
}

function wantsStream(request: FastifyRequest): boolean {
  return request.method === 'GET' && (request.headers.accept ?? '').includes('text/event-stream');
}

/** Lets `use` write to the connection itself. What it throws is still answered in the ordinary way. */
function takeOver(reply: FastifyReply, use: (headers: Readonly<Record<string, string>>) => void): void {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(reply.getHeaders())) headers[name] = String(value);
  use(headers);
  reply.hijack();
}

/** Where a stream broke off (WHATWG HTML, section 9.2.4); null: it did not. */
function lastEventId(request: FastifyRequest): number | null {
  const text = request.headers['last-event-id'];
  if (text === undefined || text === '') return null;
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text);
  throw new Problem('malformed_header', {
    detail: 'Last-Event-ID must be the number of an event',
    field: 'Last-Event-ID',
    fix: 'Send the id of the last message, or none.',
  });
}
