import type { UsageJson, UsageRowJson } from '../../api/usage.ts';
import { formatTime, SECOND_MS } from '../../base/units.ts';
import type { Project } from '../../domain/model/project.ts';
import type { UsageReport, UsageRow } from '../../engine/usage.ts';
import { hoursOf } from './limits.ts';

/** A report on the wire. Projects that are known are called as they are now, others as they were last. */
export function usageToJson(report: UsageReport, projects: readonly Project[]): UsageJson {
  const names = new Map(projects.map(({ id, name }) => [id, name]));
  return {
    from: formatTime(report.fromMs),
    to: formatTime(report.untilMs),
    zone: report.zone,
    as_of: formatTime(report.asOfMs),
    rows: report.rows.map((row) => rowToJson(row, names)),
    // Rounded from the whole, so that it may differ from the sum of the rounded rows.
    total: amounts(report.deviceMs),
  };
}

function rowToJson(row: UsageRow, names: ReadonlyMap<string, string>): UsageRowJson {
  const { projectId } = row;
  return {
    period: row.period,
    project_id: projectId,
    project_name: projectId === null ? null : (names.get(projectId) ?? row.projectName),
    owner_id: row.ownerId,
    class: row.deviceClass,
    flavor: row.flavorName,
    flavor_id: row.flavorId,
    purpose: row.purpose,
    ...amounts(row.deviceMs),
  };
}

function amounts(deviceMs: number): Pick<UsageRowJson, 'gpu_seconds' | 'gpu_hours'> {
  return {
    gpu_seconds: Math.round(deviceMs / SECOND_MS),
    gpu_hours: hoursOf(deviceMs),
  };
}
