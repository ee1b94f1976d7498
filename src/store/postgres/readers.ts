/** Sessions for reads, beside the writer's: a long page of events never delays a commit. */
import { StoreError } from '../../engine/ports.ts';
import { storeErrorOf } from './failure.ts';
import type { Row, Session, Statement } from './session.ts';

/** A long read and a short one beside it; each is a process of the server. */
const SESSIONS_MAX = 2;

export interface Readers {
  /** Rejects with StoreError. */
  ask(statement: Statement): Promise<readonly Row[]>;
  end(): Promise<void>;
}

interface Slot {
  session: Promise<Session> | null;
  asking: number;
}

/** Sessions are opened by `open` when first needed, and anew after one was lost. */
export function createReaders(open: () => Promise<Session>): Readers {
  const slots = Array.from({ length: SESSIONS_MAX }, (): Slot => ({ session: null, asking: 0 }));
  let ended = false;
  const sessionOf = async (slot: Slot): Promise<Session> => {
    const opened = slot.session === null ? null : await slot.session.catch(() => null);
    if (opened?.alive() === true) return opened;
    slot.session = open();
    return slot.session;
  };
  return {
    ask: async (statement) => {
      if (ended) throw new StoreError('closed', 'the connection with the database was lost: load again');
      const slot = slots.reduce((least, other) => (other.asking < least.asking ? other : least));
      slot.asking += 1;
      try {
        return (await (await sessionOf(slot)).ask(statement)).rows;
      } catch (error) {
        throw storeErrorOf(error, 'statement');
      } finally {
        slot.asking -= 1;
      }
    },
    end: async () => {
      ended = true;
      const endings = slots.map(async ({ session }) => (await session?.catch(() => null))?.end());
      await Promise.all(endings);
    },
  };
}
