/** Leases in words: what people read in tables and while they wait. */
import type { LeaseJson } from '../api/leases.ts';
import { shownAs, shortId, type Cell } from './format/cell.ts';
import type { Tone } from './format/style.ts';
import { relativeTime } from './when.ts';

type State = LeaseJson['state'];

const TONES: Readonly<Record<State, Tone | null>> = {
  reserved: null,
  queued: 'warn',
  starting: 'warn',
  active: 'good',
  shelving: 'warn',
  shelved: null,
  ending: 'warn',
  ended: 'dim',
};

const PROGRESS: Readonly<Record<NonNullable<LeaseJson['progress']>, string>> = {
  waiting: 'preparing',
  network: 'making the network port',
  building: 'building the machine',
  address: 'getting an address',
  checking: 'checking whether one can get in',
};

const REASONS: ReadonlyMap<string, string> = new Map([
  ['host_disabled', 'disabled'],
  ['host_down', 'down'],
  ['host_drained', 'drained'],
  ['other_host_wanted', 'not the host asked for'],
  ['no_such_device', 'without such GPUs'],
  ['devices_taken', 'with all GPUs taken'],
  ['devices_quarantined', 'with GPUs in quarantine'],
  ['iommu_group_taken', 'with the IOMMU group taken'],
  ['vcpus_short', 'short of vCPUs'],
  ['memory_short', 'short of memory'],
  ['disk_short', 'short of disk'],
  ['window_reserved', 'reserved for others'],
  ['recent_failure', 'where it failed just now'],
]);

const ENDS: Readonly<Record<NonNullable<LeaseJson['end_reason']>, string>> = {
  released: 'given back',
  expired: 'its time was over',
  wait_timed_out: 'it had waited as long as it was allowed to',
  cancelled: 'cancelled before it started',
  failed: 'it could not be started',
  host_lost: 'its host was lost',
  preempted: 'it had to make room',
};

/**
 * The state, with what people want to know of it: place in the queue, step of the start, reason of the end.
 */
export function stateCell(lease: LeaseJson): Cell {
  const tone = lease.unreachable_since === null ? TONES[lease.state] : 'bad';
  return shownAs(lease.state, stateWords(lease), tone);
}

function stateWords(lease: LeaseJson): string {
  if (lease.state === 'queued' && lease.position !== null) return `queued (#${lease.position})`;
  if (lease.state === 'starting' && lease.progress !== null) return `starting (${lease.progress})`;
  if (lease.end_reason !== null) return `${lease.state} (${lease.end_reason.replaceAll('_', ' ')})`;
  return lease.unreachable_since === null ? lease.state : `${lease.state}, unreachable`;
}

/** What is going on with a lease, for somebody who waits for it. */
export function nowText(lease: LeaseJson, nowMs: number): string {
  switch (lease.state) {
    case 'reserved':
      return `reserved${startText(lease.starts_at, nowMs, ', starts')}`;
    case 'queued':
      return queueText(lease, nowMs);
    case 'starting':
      return startingText(lease);
    case 'active':
      return 'ready';
    case 'shelving':
      return 'shelving: the disk is being kept';
    case 'shelved':
      return 'shelved';
    case 'ending':
      return 'taking the machine away';
    case 'ended':
      return endText(lease);
  }
}

/** Equal while nothing happens but that time goes by. */
export function stageOf(lease: LeaseJson): string {
  const { state, position, progress, obstacle, host, forecast_at: forecast } = lease;
  return [state, position, progress, obstacle, host, forecast === null].join(' ');
}

/** Why it ended, as a clause. */
export function endText(lease: LeaseJson): string {
  const why = lease.end_reason === null ? 'ended' : ENDS[lease.end_reason];
  return lease.cause === null ? why : `${why}: ${lease.cause}`;
}

/** `3 hosts with all GPUs taken, 1 drained`: the largest groups first. Empty when nothing is known. */
export function waitText(reasons: LeaseJson['wait_reasons']): string {
  const hosts = Object.entries(reasons)
    .filter(([code]) => REASONS.has(code))
    .toSorted(([, a], [, b]) => b - a)
    .map(
      ([code, count], index) =>
        `${count}${index === 0 ? (count === 1 ? ' host' : ' hosts') : ''} ${REASONS.get(code) ?? ''}`,
    );
  const others = Object.keys(reasons).filter((code) => !REASONS.has(code));
  return [...others.map((code) => OTHERS.get(code) ?? code.replaceAll('_', ' ')), ...hosts].join(', ');
}

/** Reasons that are about no host. */
const OTHERS: ReadonlyMap<string, string> = new Map([
  ['quota', 'a limit of the project, or of you in it, is reached'],
  ['frozen', 'the service starts nothing now, see `berth status`'],
  ['queued_behind', 'others came first'],
  ['would_delay_head', 'it would delay the first in the queue'],
]);

/** What somebody must know who waits for the hands of a service that only looks. */
export const OBSERVING =
  "Berth only observes now, and neither starts nor ends anything: start it with 'berth serve --mode act'.";

/** `4f3a1b2c (training)`. */
export function leaseName(lease: Pick<LeaseJson, 'id' | 'name'>): string {
  const id = shortId(lease.id);
  return lease.name === '' || lease.name.endsWith(id) ? id : `${id} (${lease.name})`;
}

function startingText({ progress, host, obstacle }: LeaseJson): string {
  const where = host === null ? '' : ` on ${host}`;
  return `${PROGRESS[progress ?? 'waiting']}${where}${obstacle === null ? '' : `: ${obstacle}`}`;
}

function queueText(lease: LeaseJson, nowMs: number): string {
  const place =
    lease.position === null ? 'waiting in the queue' : `waiting: number ${lease.position} in the queue`;
  // While nothing is started, every forecast is about what would be.
  const isHeld = Object.hasOwn(lease.wait_reasons, 'frozen');
  const free = ', nothing known gets free';
  const start =
    lease.forecast_at === null ? free : startText(lease.forecast_at, nowMs, ', expected to start');
  const why = waitText(lease.wait_reasons);
  return `${place}${isHeld ? '' : start}${why === '' ? '' : ` (${why})`}`;
}

function startText(iso: string | null, nowMs: number, words: string): string {
  return iso === null ? '' : `${words} ${relativeTime(Date.parse(iso), nowMs)}`;
}
