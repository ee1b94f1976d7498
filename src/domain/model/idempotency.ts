import type { Json } from '../../base/json.ts';

/** A request that was answered, so that its repetition gets the same answer. Kept for 24 h. */
export interface IdempotencyRecord {
  /** `<project>:<user>:<Idempotency-Key>` */
  readonly id: string;
  /** Hash of method, path and body: the same key with another request is refused. */
  readonly requestHash: string;
  readonly reply: Json;
  readonly expiresAtMs: number;
}
