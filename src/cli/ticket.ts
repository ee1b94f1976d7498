import { formatTime } from '../base/units.ts';

/** When a lease comes back by itself: `now` (as soon as its time is over), or ms since the epoch. */
export type TicketWhen = 'now' | number;

/** As the API has it. */
export function ticketBody(when: TicketWhen): string {
  return when === 'now' ? when : formatTime(when);
}
