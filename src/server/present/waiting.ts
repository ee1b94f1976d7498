import type { ExplanationJson, QueueJson } from '../../api/waiting.ts';
import { formatTime } from '../../base/units.ts';
import type { Explanation, QueueEntryView } from '../../engine/views.ts';
import { timeOrNull } from './time.ts';

export function queueToJson(entries: readonly QueueEntryView[]): QueueJson {
  return {
    queue: entries.map((entry) => ({
      position: entry.position,
      lease_id: entry.leaseId,
      project_id: entry.projectId,
      flavor: entry.flavorName,
      since: formatTime(entry.sinceMs),
      forecast_at: timeOrNull(entry.forecastMs),
    })),
  };
}

export function explanationToJson(explanation: Explanation): ExplanationJson {
  return {
    explanation: {
      possible: explanation.possible,
      flavor: explanation.flavorName,
      earliest_at: timeOrNull(explanation.earliestMs),
      reasons: [...explanation.reasons],
      hosts: explanation.hosts.map((host) => ({
        host_id: host.hostId,
        host: host.hostName,
        possible: host.possible,
        earliest_at: timeOrNull(host.earliestMs),
        reasons: [...host.reasons],
      })),
    },
  };
}
