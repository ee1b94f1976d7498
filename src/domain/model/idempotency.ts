import type { Json } from '../../base/json.ts';

/** A request that was answered, so that its repetition gets the same answer. Kept for 24 h. */
export interface IdempotencyRecord {
  /** Made by `idempotencyId`. */
  readonly id: string;
  /** Hash of method, path and body: the same key with another request is refused. */
  readonly requestHash: string;
  readonly reply: Json;
  readonly expiresAtMs: number;
}

/** Digits of a time in milliseconds until the year 33658. */
const TIME_DIGITS = 15;

/**
 * The id of a record: when it expires, then `<project>:<user>:<Idempotency-Key>`. In the order of ids the
 * records expire, so the store adds at one end and clears away at the other.
 */
export function idempotencyId(expiresAtMs: number, scopedKey: string): string {
  return `${String(expiresAtMs).padStart(TIME_DIGITS, '0')}:${scopedKey}`;
}

/** The part of the id by which a repetition is recognized. */
export function scopedKeyOf(record: IdempotencyRecord): string {
  return record.id.slice(TIME_DIGITS + 1);
}
