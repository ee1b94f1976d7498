import type { EventJson } from '../../api/events.ts';
import { formatTime } from '../../base/units.ts';
import type { StoredEvent } from '../../engine/ports.ts';

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
