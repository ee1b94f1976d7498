/**
 * The usage report: how much device time was held in an interval, in groups. All of it comes from the store,
 * in looks at a week each, so that commits pass between two of them, however long the interval is. That they
 * are not one snapshot changes nothing: the report ends at the moment it was asked for, and what happens
 * later changes no time before it.
 */
import type { ProjectId } from '../base/ids.ts';
import {
  addDays,
  dayAt,
  firstOfMonth,
  formatDate,
  formatMonth,
  startOfDay,
  type LocalDate,
} from '../base/time-zone.ts';
import { DAY_MS, formatTime, WEEK_MS } from '../base/units.ts';
import { refuse, type Refusal } from '../domain/decision.ts';
import type { Store, UsageKey, UsageSum } from './ports.ts';

/** What the groups of a report can be told apart by. */
export type UsageGroup = UsageKey | 'day' | 'month';

/** A time in ms since the epoch, or the beginning of a day. */
export type Moment = number | LocalDate;

export interface UsageQuestion {
  /** Where the interval begins; null: with the present month. */
  readonly from: Moment | null;
  /** What it lasts until, itself not in it; null: until the month of its beginning is over. */
  readonly until: Moment | null;
  readonly by: readonly UsageGroup[];
  /** null: of all that the actor may see. */
  readonly projectId: ProjectId | null;
  readonly ownerId: string | null;
  /** Whose days and months, as a name of the IANA database; null: those of the service. */
  readonly zone: string | null;
}

export interface UsageRow extends UsageSum {
  /** `2026-11-21`, or `2026-11`; null where days and months are not told apart. */
  readonly period: string | null;
}

export interface UsageReport {
  /** The interval is [fromMs, untilMs). */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly zone: string;
  /** Up to when what is held still was counted. */
  readonly asOfMs: number;
  /** In the order of their groups. Those of which nothing was used are left out. */
  readonly rows: readonly UsageRow[];
  /** ms × devices of all rows. */
  readonly deviceMs: number;
}

/** One look at the store: a week of a cloud with ten thousand leases a day costs it some 50 ms. */
const LOOK_MS = WEEK_MS;
/** Ten years, and a bit more than a year by days: what a report may cover. */
const SPAN_DAYS_MAX = 3660;
const DAYS_MAX = 400;
/** Rows of a report: as many as a spreadsheet is pleasant with, and a few MB. */
const USAGE_ROWS_MAX = 10_000;

/** A question with its interval in numbers. */
interface Asked extends Pick<UsageQuestion, 'by' | 'projectId' | 'ownerId'> {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly zone: string;
}

/** The report as of `nowMs`, or why there is none. `ownZone`: that of the service. */
export async function reportUsage(
  store: Pick<Store, 'sumUsage'>,
  question: UsageQuestion,
  nowMs: number,
  ownZone: string,
): Promise<
  { readonly ok: true; readonly value: UsageReport } | { readonly ok: false; readonly refusal: Refusal }
> {
  const asked = askedOf(question, nowMs, ownZone);
  const refusal = refuseInterval(asked);
  if (refusal !== null) return { ok: false, refusal };
  const { fromMs, untilMs, zone, projectId, ownerId } = asked;
  const by = asked.by.filter((group) => group !== 'day' && group !== 'month');
  const asOfMs = Math.min(untilMs, nowMs);
  const groups = new Map<string, UsageRow>();
  for (const { beginMs, endMs, period } of periodsOf(asked, asOfMs)) {
    for (let atMs = beginMs; atMs < endMs; atMs += LOOK_MS) {
      const sums = await store.sumUsage({
        fromMs: atMs,
        untilMs: Math.min(endMs, atMs + LOOK_MS),
        projectId,
        ownerId,
        by,
        withRunning: true,
        limit: USAGE_ROWS_MAX + 1,
      });
      for (const sum of sums) addTo(groups, sum, period);
      if (groups.size > USAGE_ROWS_MAX) return { ok: false, refusal: tooLarge() };
    }
  }
  const rows = [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  const deviceMs = rows.reduce((total, row) => total + row.deviceMs, 0);
  return { ok: true, value: { fromMs, untilMs, zone, asOfMs, rows, deviceMs } };
}

function askedOf(question: UsageQuestion, nowMs: number, ownZone: string): Asked {
  const { by, projectId, ownerId } = question;
  const zone = question.zone ?? ownZone;
  const fromMs = msOf(question.from ?? firstOfMonth(dayAt(nowMs, zone)), zone);
  const untilMs = msOf(question.until ?? firstOfMonth(dayAt(fromMs, zone), 1), zone);
  return { by, projectId, ownerId, zone, fromMs, untilMs };
}

function msOf(moment: Moment, zone: string): number {
  return typeof moment === 'number' ? moment : startOfDay(moment, zone);
}

function refuseInterval({ fromMs, untilMs, by }: Asked): Refusal | null {
  if (untilMs <= fromMs) {
    const fix = "Give a 'to' that is after 'from'; it is not part of the interval itself.";
    const message = `The interval ends before it begins: at ${formatTime(untilMs)}, not after ${formatTime(fromMs)}.`;
    return refuse('invalid', message, fix, 'to').refusal;
  }
  if (by.includes('day') && by.includes('month')) {
    return refuse('invalid', 'Days and months cannot both be told apart.', 'Choose one.', 'groupBy').refusal;
  }
  const daysMax = by.includes('day') ? DAYS_MAX : SPAN_DAYS_MAX;
  if (untilMs - fromMs <= daysMax * DAY_MS) return null;
  const fix = by.includes('day') ? 'Ask for a shorter time, or by month.' : 'Ask for a shorter time.';
  return refuse('invalid', `The interval is longer than ${daysMax} days.`, fix, 'from', {
    limit_days: daysMax,
  }).refusal;
}

interface Period {
  readonly beginMs: number;
  readonly endMs: number;
  readonly period: string | null;
}

/** The days or months of the interval until `endMs`; the whole of it where they are not told apart. */
function* periodsOf({ fromMs, by, zone }: Asked, endMs: number): Generator<Period, void> {
  const isByDay = by.includes('day');
  if (!isByDay && !by.includes('month')) {
    yield { beginMs: fromMs, endMs, period: null };
    return;
  }
  for (let beginMs = fromMs; beginMs < endMs;) {
    const date = dayAt(beginMs, zone);
    const nextMs = startOfDay(isByDay ? addDays(date, 1) : firstOfMonth(date, 1), zone);
    const period = isByDay ? formatDate(date) : formatMonth(date);
    yield { beginMs, endMs: Math.min(nextMs, endMs), period };
    beginMs = nextMs;
  }
}

function addTo(groups: Map<string, UsageRow>, sum: UsageSum, period: string | null): void {
  const { projectId, ownerId, deviceClass, flavorId, purpose } = sum;
  const key = [period, projectId, ownerId, deviceClass, flavorId, purpose]
    .map((part) => part ?? '')
    .join('\0');
  const known = groups.get(key);
  groups.set(key, { ...sum, period, deviceMs: sum.deviceMs + (known?.deviceMs ?? 0) });
}

function tooLarge(): Refusal {
  return refuse(
    'invalid',
    `The report would have more than ${USAGE_ROWS_MAX} rows.`,
    'Tell less apart, or ask for a shorter time or for one project.',
    'groupBy',
    { limit: USAGE_ROWS_MAX },
  ).refusal;
}
