/**
 * Berth's own account in a cloud: who it is there, and what it may see. Looked at when the provider starts,
 * and again after a look at the cloud that failed, since the cause may have been a change of its roles.
 */
import { asId } from '../base/ids.ts';
import type { CloudAccount, CloudPlacement, Ownership } from '../engine/cloud-account.ts';
import type { Provider } from '../engine/ports.ts';
import { probeRights } from './rights.ts';
import type { OpenStackSession } from './session.ts';

export interface Account {
  /** As last seen, or looked at now. Rejects with ProviderError. */
  look(): Promise<CloudAccount>;
  /** As last seen; null: not yet. */
  readonly seen: CloudAccount | null;
  /** The next `look` asks the cloud again; `seen` stays until then. */
  doubt(): void;
}

export function createAccount(
  session: OpenStackSession,
  kind: { readonly ownership: Ownership; readonly placement: CloudPlacement },
): Account {
  let seen: CloudAccount | null = null;
  let isDoubted = true;
  let looking: Promise<CloudAccount> | null = null;
  const probe = async (): Promise<CloudAccount> => {
    const identity = await session.identity();
    const { rights, missing } = await probeRights(session);
    const { projectId } = identity;
    seen = { ...identity, projectId: projectId === null ? null : asId(projectId), rights, missing, ...kind };
    isDoubted = false;
    return seen;
  };
  return {
    look() {
      if (seen !== null && !isDoubted) return Promise.resolve(seen);
      looking ??= probe().finally(() => (looking = null));
      return looking;
    },
    get seen() {
      return seen;
    },
    doubt() {
      isDoubted = true;
    },
  };
}

/** The provider, which now also tells its account: looked at before the cloud is. */
export function withAccount<P extends Provider>(provider: P, account: Account): P {
  return {
    ...provider,
    // What becomes known only later must not be copied now.
    get wantsFloatingIp() {
      return provider.wantsFloatingIp;
    },
    get overridesLocks() {
      return provider.overridesLocks;
    },
    account: () => account.seen,
    async snapshot(isCounted) {
      try {
        await account.look();
        return await provider.snapshot(isCounted);
      } catch (error) {
        account.doubt();
        throw error;
      }
    },
  };
}
