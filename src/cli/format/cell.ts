import type { Json } from '../../base/json.ts';
import { roughDuration, relativeTime } from '../when.ts';
import type { Tone } from './style.ts';

/** One value, for programs and for people. */
export interface Cell {
  /** As JSON, YAML, CSV and value output have it. */
  readonly value: Json;
  /** As tables show it. */
  readonly text: string;
  /** The same where a terminal is too narrow. */
  readonly short: string;
  readonly tone: Tone | null;
  readonly align: 'left' | 'right';
}

/** What a table shows where there is nothing. */
const NOTHING = '-';

/** Ids are accepted by their beginning; eight characters are unambiguous among thousands. */
const SHORT_ID_LENGTH = 8;

export function textCell(value: string | null, tone: Tone | null = null): Cell {
  return shownAs(value, value ?? NOTHING, tone);
}

/** A value that people see in other words than programs. */
export function shownAs(value: Json, text: string, tone: Tone | null = null): Cell {
  return { value, text, short: text, tone, align: 'left' };
}

export function numberCell(value: number | null, tone: Tone | null = null): Cell {
  return { ...shownAs(value, value === null ? NOTHING : String(value), tone), align: 'right' };
}

export function idCell(id: string | null): Cell {
  return { ...textCell(id), short: id === null ? NOTHING : shortId(id) };
}

export function booleanCell(value: boolean): Cell {
  return shownAs(value, value ? 'yes' : 'no');
}

/** ISO 8601 for programs; people also read how far away it is. */
export function timeCell(iso: string | null, nowMs: number): Cell {
  if (iso === null) return textCell(null);
  const relative = relativeTime(Date.parse(iso), nowMs);
  return { ...shownAs(iso, `${iso} (${relative})`), short: relative };
}

/** Whole seconds; people also read them as `1d2h`. */
export function secondsCell(seconds: number): Cell {
  return shownAs(seconds, seconds < 60 ? String(seconds) : `${seconds} (${roughDuration(seconds * 1000)})`);
}

/** `{ V100: 2 }` → `2 V100`. */
export function countsCell(counts: Readonly<Record<string, number>>, tone: Tone | null = null): Cell {
  return shownAs({ ...counts }, countsText(counts), tone);
}

export function countsText(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return parts.length === 0 ? NOTHING : parts.join(', ');
}

/** One line each. */
export function linesCell(lines: readonly string[], tone: Tone | null = null): Cell {
  return shownAs([...lines], lines.length === 0 ? NOTHING : lines.join('\n'), tone);
}

/** MiB as people say them: in GiB, with a decimal where that matters. */
export function memoryText(memoryMiB: number): string {
  return memoryMiB < 1024 ? `${memoryMiB} MiB` : `${Number((memoryMiB / 1024).toFixed(1))} GiB`;
}

export function memoryCell(memoryMiB: number): Cell {
  return { ...shownAs(memoryMiB, memoryText(memoryMiB)), align: 'right' };
}

export function diskCell(diskGiB: number): Cell {
  return { ...shownAs(diskGiB, `${diskGiB} GiB`), align: 'right' };
}

/** True if it says nothing to people. */
export function isBlank(cell: Cell): boolean {
  return cell.text === NOTHING || cell.text === '';
}

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_LENGTH);
}
