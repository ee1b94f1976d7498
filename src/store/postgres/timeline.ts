/**
 * The newest timeline that Berth has seen, on disk: after a restart an old primary that is alone must not be
 * taken for the one that was promoted. Promotions count within one cluster, so its identity is kept with it.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { StoreError } from '../../engine/ports.ts';

export interface Timeline {
  /** `system_identifier` of the cluster, decimal: made with it, and copied to its standbys. */
  readonly system: string;
  /** Raised by each promotion. Counts from 1. */
  readonly number: number;
}

export interface TimelineMemory {
  /** null: nothing was ever seen. Throws StoreError `refused` where it cannot be told. */
  read(): Timeline | null;
  /** Throws StoreError `refused` where it cannot be kept. */
  keep(timeline: Timeline): void;
  /** What an operator does to make it forget; a clause. */
  readonly wayOut: string;
}

/** In the file at `path`, 0600; its folder is there. */
export function timelineFile(path: string): TimelineMemory {
  const wayOut = `stop Berth and remove ${path}`;
  return {
    wayOut,
    read: () => {
      const text = readIfThere(path);
      if (text === null) return null;
      const match = /^(\d{1,20}) (\d{1,10})\n$/.exec(text);
      if (match === null) throw new StoreError('refused', `${path} is no timeline of a database: ${wayOut}`);
      return { system: match[1] ?? '', number: Number(match[2]) };
    },
    keep: ({ system, number }) => {
      try {
        // Renamed into place when it is on the disk: a crash leaves no half of it.
        writeFileSync(`${path}.next`, `${system} ${number}\n`, { mode: 0o600, flush: true });
        renameSync(`${path}.next`, path);
      } catch (error) {
        throw new StoreError('refused', `the timeline of the database cannot be kept: ${messageOf(error)}`);
      }
    },
  };
}

/** True where `timeline` lacks a promotion that is known of the same cluster. */
export function isOutdated(timeline: Timeline, seen: Timeline | null): boolean {
  return seen !== null && seen.system === timeline.system && timeline.number < seen.number;
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new StoreError('refused', `the timeline of the database cannot be read: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
