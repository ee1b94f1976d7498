/** The months of the calendar in one time zone, numbered: whose is a moment, and where does each begin? */
import { dayAt, startOfDay } from '../base/time-zone.ts';

/** The months between which a decision moves: a few years of them. Beyond it they are worked out again. */
const STARTS_MAX = 128;

export class Months {
  readonly #zone: string;
  readonly #starts = new Map<number, number>();
  /** The month that was asked for last, which most questions are about. */
  #last = 0;
  #fromMs = 0;
  #untilMs = 0;

  /** `zone`: a name of the IANA database. */
  constructor(zone: string) {
    this.#zone = zone;
  }

  /** The number of the month in which the moment (ms since the epoch) lies; the next month has the next. */
  at(timeMs: number): number {
    if (timeMs < this.#fromMs || timeMs >= this.#untilMs) {
      const { year, month } = dayAt(timeMs, this.#zone);
      this.#last = year * 12 + month - 1;
      this.#fromMs = this.startMs(this.#last);
      this.#untilMs = this.startMs(this.#last + 1);
    }
    return this.#last;
  }

  /** Its first moment. */
  startMs(month: number): number {
    const known = this.#starts.get(month);
    if (known !== undefined) return known;
    const first = { year: Math.floor(month / 12), month: (month % 12) + 1, day: 1 };
    const startMs = startOfDay(first, this.#zone);
    if (this.#starts.size >= STARTS_MAX) this.#starts.clear();
    this.#starts.set(month, startMs);
    return startMs;
  }

  /** The parts of [fromMs, untilMs) month by month. */
  *split(fromMs: number, untilMs: number): Generator<MonthPart, void> {
    for (let beginMs = fromMs; beginMs < untilMs;) {
      const month = this.at(beginMs);
      const endMs = Math.min(untilMs, this.startMs(month + 1));
      yield { month, beginMs, endMs };
      beginMs = endMs;
    }
  }
}

export interface MonthPart {
  readonly month: number;
  readonly beginMs: number;
  readonly endMs: number;
}
