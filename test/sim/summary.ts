/** The tables at the end of a simulation. */
import type { Report } from './simulate.ts';

/** What a full run (200 seeds) has to reach for each transition and fault. */
const COUNT_WANTED = 100;
/** Each change of state that a lease can make; `new → active` is an adoption. */
const TRANSITIONS = [
  'new → reserved',
  'new → queued',
  'new → active',
  'reserved → queued',
  'reserved → ended',
  'queued → starting',
  'queued → shelved',
  'queued → ending',
  'queued → ended',
  'starting → queued',
  'starting → active',
  'starting → shelving',
  'starting → ending',
  'active → shelving',
  'active → ending',
  'shelving → queued',
  'shelving → shelved',
  'shelving → ending',
  'shelved → queued',
  'shelved → ending',
  'ending → queued',
  'ending → ended',
] as const;

/** How often each transition was made, those that never were included. */
function transitionCounts(reports: readonly Report[]): Record<string, number> {
  const never: Record<string, number> = Object.fromEntries(TRANSITIONS.map((name) => [name, 0]));
  return add([never, ...reports.map((report) => report.transitions)]);
}

/** Transitions, faults and ends that a full run has met too seldom to say anything about them. */
export function rareKinds(reports: readonly Report[]): readonly string[] {
  const counts = {
    ...transitionCounts(reports),
    ...add(reports.map((report) => report.faults)),
    ...add(reports.map((report) => report.ends)),
  };
  return Object.keys(counts).filter((name) => (counts[name] ?? 0) < COUNT_WANTED);
}

export function summary(reports: readonly Report[], seconds: number, twice: boolean): string {
  const steps = reports.map((report) => report.steps);
  const total = steps.reduce((sum, count) => sum + count, 0);
  const hours = reports.reduce((sum, report) => sum + report.virtualMs, 0) / 3_600_000;
  const violations = reports.flatMap((report) => report.violations);
  const lines = [
    '',
    `${reports.length} histories${twice ? ', each run twice with equal hashes' : ''}; ${total} steps (least ${Math.min(...steps)}), ${Math.round(hours)} simulated hours, ${reports.reduce((sum, report) => sum + report.events, 0)} events; ${Math.round(seconds)} s`,
    '',
    ...table('transition', transitionCounts(reports)),
    '',
    ...table('fault', add(reports.map((report) => report.faults))),
    '',
    ...table('end', add(reports.map((report) => report.ends))),
    '',
    `${violations.length} violations`,
    '',
  ];
  return lines.join('\n');
}

export function add(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const counts of all)
    for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

function table(what: string, counts: Readonly<Record<string, number>>): readonly string[] {
  const rows = Object.entries(counts).toSorted((a, b) => a[0].localeCompare(b[0]));
  const width = Math.max(what.length, ...rows.map(([name]) => name.length));
  return [
    `${what.padEnd(width)}   count`,
    ...rows.map(
      ([name, count]) =>
        `${name.padEnd(width)} ${String(count).padStart(7)}${count < COUNT_WANTED ? '  (rare)' : ''}`,
    ),
  ];
}
