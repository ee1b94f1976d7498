/**
 * A store that has lost what was acknowledged: after a failover to a standby that lagged, or under a database
 * that was put back. Who was told of an extension or a return since then counts on it, so nothing is ended or
 * started by such books until somebody has looked.
 */
import type { Ids } from '../base/ids.ts';
import { decide } from '../domain/decide.ts';
import type { Settings } from '../domain/settings.ts';
import { World } from '../domain/world.ts';
import { BatchBuilder } from './batch.ts';
import type { LoadedState, Store } from './ports.ts';

/** The system actor whose freeze it is. */
const ACTOR = 'system:engine';

/** How far acknowledged commits went. */
type Acknowledged = Pick<LoadedState, 'revision' | 'eventSeq'>;

/** What the store lacks of the acknowledged, as a reason for people; null: nothing. */
export function lossOf(acknowledged: Acknowledged, loaded: Acknowledged): string | null {
  const { revision, eventSeq } = acknowledged;
  if (loaded.revision >= revision && loaded.eventSeq >= eventSeq) return null;
  return (
    `the store has lost acknowledged commits: it is at revision ${loaded.revision} and event ` +
    `${loaded.eventSeq}, but ${revision} and ${eventSeq} were acknowledged; nothing is ended or started until ` +
    'somebody has looked and thaws'
  );
}

/**
 * Freezes the service in the store itself, before anybody sees the world that was loaded; resolves with the
 * store as it is then. Rejects as the store does.
 */
export async function freezeLoaded(
  loaded: LoadedState,
  reason: string,
  at: { readonly store: Store; readonly settings: Settings; readonly ids: Ids; readonly nowMs: number },
): Promise<LoadedState> {
  const { store, settings, ids, nowMs } = at;
  if (loaded.snapshot.control.freeze !== null) return loaded;
  const world = new World(loaded.snapshot, settings, []);
  const decision = decide(world, { type: 'service.freeze', reason }, nowMs, ACTOR);
  if (decision.kind === 'refused') throw new Error(`a freeze was refused: ${decision.refusal.message}`);
  const builder = new BatchBuilder(loaded.revision, loaded.eventSeq);
  builder.add(decision.changes, decision.events, nowMs, ACTOR);
  await store.commit(builder.build(ids.next(), loaded.epoch, nowMs));
  return store.load();
}
