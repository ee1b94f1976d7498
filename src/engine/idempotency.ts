/** Same key, same request: same answer. The record is committed with the decision that it remembers. */
import type { Json } from '../base/json.ts';
import type { Actor } from '../domain/actor.ts';
import { refuse, type Refusal, type Reply } from '../domain/decision.ts';
import type { Change } from '../domain/model/entities.ts';
import { idempotencyId } from '../domain/model/idempotency.ts';
import type { World } from '../domain/world.ts';
import type { Idempotency } from './views.ts';

/** Expired records that one new record clears away: more than are added, so that they never pile up. */
const CLEARED_PER_RECORD = 2;

/** Answers remembered at once: some hundred bytes each. Beyond it the oldest is forgotten before its time. */
const RECORDS_MAX = 100_000;

export function recall(
  world: World,
  actor: Actor,
  idempotency: Idempotency,
  nowMs: number,
):
  | { readonly kind: 'replay'; readonly reply: Reply }
  | { readonly kind: 'mismatch'; readonly refusal: Refusal }
  | null {
  const record = world.idempotencyByKey.get(scopedKey(actor, idempotency));
  if (record === undefined || record.expiresAtMs <= nowMs) return null;
  if (record.requestHash === idempotency.requestHash)
    return { kind: 'replay', reply: parseReply(record.reply) };
  const { refusal } = refuse(
    'idempotency_mismatch',
    'This Idempotency-Key was used for another request.',
    'Use a new key for a new request; repeat a key only with the very same body.',
    'Idempotency-Key',
  );
  return { kind: 'mismatch', refusal };
}

export function remember(
  world: World,
  actor: Actor,
  idempotency: Idempotency,
  reply: Reply,
  nowMs: number,
): readonly Change[] {
  const changes: Change[] = [];
  const full = world.idempotency.size >= RECORDS_MAX;
  for (const record of world.idempotency.values()) {
    // They expire in this order, so the first live one ends the search; unless there are too many, then the
    // oldest goes.
    const isDue = record.expiresAtMs <= nowMs || (full && changes.length === 0);
    if (!isDue || changes.length >= CLEARED_PER_RECORD) break;
    changes.push({ entity: 'idempotency', id: record.id, after: null });
  }
  const expiresAtMs = nowMs + world.settings.idempotencyMs;
  const id = idempotencyId(expiresAtMs, scopedKey(actor, idempotency));
  changes.push({
    entity: 'idempotency',
    id,
    after: { id, requestHash: idempotency.requestHash, reply: replyJson(reply), expiresAtMs },
  });
  return changes;
}

function scopedKey(actor: Actor, idempotency: Idempotency): string {
  const who = actor.kind === 'user' ? `${actor.projectId}:${actor.userId}` : `system:${actor.name}`;
  return `${who}:${idempotency.key}`;
}

function replyJson(reply: Reply): Json {
  return reply.kind === 'leases' ? { kind: 'leases', leaseIds: [...reply.leaseIds] } : { ...reply };
}

/** Reads back what `replyJson` wrote. */
function parseReply(json: Json): Reply {
  return json as unknown as Reply;
}
