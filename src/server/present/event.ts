import type { EventJson, RemovedEventsJson } from '../../api/events.ts';
import { formatTime } from '../../base/units.ts';
import type { EventFloor } from '../../domain/model/control.ts';
import type { StoredEvent } from '../../engine/ports.ts';

/** Up to where events are kept no longer, on the wire. */
export function removedToJson({ seq, atMs }: EventFloor): RemovedEventsJson {
  return { through: seq, at: formatTime(atMs) };
}

export function eventToJson(event: StoredEvent): EventJson {
  return {
    seq: event.seq,
    at: formatTime(event.atMs),
    actor: event.actor,
    type: event.type,
    entity: event.entity,
    id: event.id,
    project_id: event.projectId,
    reason: event.reason,
    data: event.data,
    before: event.before,
    after: event.after,
  };
}
