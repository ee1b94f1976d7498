/**
 * In whose project, and in whose name, the servers of a lease are made: the three ownerships. Owns the
 * sessions for that, and the delegations that they need. It makes nothing of a lease itself.
 */
import { unreachable } from '../base/assert.ts';
import type { Lease } from '../domain/model/lease.ts';
import type { CloudPlacement, Ownership } from '../engine/cloud-account.ts';
import { ProviderError, type Borrower } from '../engine/ports.ts';
import type { Scope } from './credentials.ts';
import { createTrust, listTrustsForMe } from './keystone/trusts.ts';
import type { OpenStackSession } from './session.ts';

export interface HomesOptions {
  readonly ownership: Ownership;
  readonly placement: CloudPlacement;
  /** With the credentials as they are configured. */
  readonly own: OpenStackSession;
  /** The same user in another scope; null: the credentials allow no other (application credentials). */
  readonly inScope: ((scope: Scope) => OpenStackSession) | null;
}

export interface Homes {
  /** With all rights that Berth has: for looking, and for everything that takes away. */
  readonly own: OpenStackSession;
  /** For what is made for a lease. Rejects with ProviderError `forbidden` that names the remedy. */
  of(lease: Pick<Lease, 'projectId' | 'ownerId'>): Promise<OpenStackSession>;
  /** Before a lease is made: as `of`, and makes the delegation where one is needed. */
  admit(borrower: Borrower): Promise<OpenStackSession>;
}

/** Sessions kept: each holds one token. Beyond, the one that was not used for the longest time is dropped. */
const SESSIONS_MAX = 1000;

/** Of one user and project; more than one is left only where roles were taken away and given again. */
const TRUSTS_TRIED_MAX = 5;

/** The least role with which Nova and Neutron let somebody make servers (Zed defaults). */
const MEMBER_ROLES: ReadonlySet<string> = new Set(['member', '_member_']);

export function createHomes(options: HomesOptions): Homes {
  switch (options.ownership) {
    case 'service':
      return { own: options.own, of: async () => options.own, admit: async () => options.own };
    case 'project':
      return projectHomes(options);
    case 'trust':
      return trustHomes(options);
    default:
      return unreachable(options.ownership);
  }
}

/** The operator has given Berth's user a role on the project. */
function projectHomes({ own, inScope, placement }: HomesOptions): Homes {
  const sessions = new Recent<OpenStackSession>();
  const of = async ({ projectId }: { readonly projectId: string }): Promise<OpenStackSession> => {
    if ((await own.projectId()) === projectId) return own;
    if (inScope === null) {
      const text = `Berth logs in with an application credential, which is bound to its own project; ownership 'project' needs a password, or use ownership 'service'`;
      throw new ProviderError('forbidden', 'none', text);
    }
    const session = sessions.get(projectId, () => inScope({ kind: 'project', project: { id: projectId } }));
    try {
      // Only the first one asks: a session keeps its token.
      await session.projectId();
    } catch (error) {
      if (!(error instanceof ProviderError) || !isRefusal(error)) throw error;
      sessions.delete(projectId);
      const text = `Berth may not act in project ${projectId}: an operator lets it in with \`berth project add ${projectId}\``;
      throw new ProviderError('forbidden', 'none', text, { cause: error });
    }
    return session;
  };
  return {
    own,
    of,
    async admit(borrower) {
      const session = await of(borrower);
      const { roles } = await session.identity();
      if (placement === 'pinned' && !roles.includes('admin')) {
        const text = `Berth picks the hosts of this cloud itself, which needs the role admin in project ${borrower.projectId}: an operator gives it with \`berth project add ${borrower.projectId}\``;
        throw new ProviderError('forbidden', 'none', text);
      }
      return session;
    },
  };
}

/** The borrower has delegated to Berth's user, as with Heat and Blazar: servers are made in their name. */
function trustHomes({ own, inScope }: HomesOptions): Homes {
  const sessions = new Recent<OpenStackSession>();
  const keyOf = (userId: string, projectId: string): string => `${userId}\n${projectId}`;

  /** Keystone's list is the truth, so a restart forgets nothing. null: there is no such trust. */
  const find = async (userId: string, projectId: string): Promise<OpenStackSession | null> => {
    if (inScope === null)
      throw new ProviderError('forbidden', 'none', 'an application credential cannot use a trust');
    const held = sessions.peek(keyOf(userId, projectId));
    if (held !== null) return held;
    const trusts = await listTrustsForMe(own);
    const ours = trusts.filter((trust) => trust.trustorUserId === userId && trust.projectId === projectId);
    for (const { id } of ours.slice(0, TRUSTS_TRIED_MAX)) {
      const session = inScope({ kind: 'trust', trustId: id });
      if (await isUsable(session)) return sessions.get(keyOf(userId, projectId), () => session);
    }
    return null;
  };
  return {
    own,
    async of({ ownerId, projectId }) {
      const session = await find(ownerId, projectId);
      if (session !== null) return session;
      const text = `user ${ownerId} has taken back what was delegated to Berth in project ${projectId}: borrowing again delegates anew`;
      throw new ProviderError('forbidden', 'none', text);
    },
    async admit(borrower) {
      const found = await find(borrower.userId, borrower.projectId);
      if (found !== null && (await isUsable(found))) return found;
      sessions.delete(keyOf(borrower.userId, borrower.projectId));
      await delegate(own, borrower);
      const made = await find(borrower.userId, borrower.projectId);
      if (made !== null) return made;
      throw new ProviderError(
        'unavailable',
        'none',
        'Keystone does not list the trust that it has just made',
      );
    },
  };
}

async function delegate(own: OpenStackSession, { cloud, userId, projectId }: Borrower): Promise<void> {
  if (cloud === null) {
    const text =
      'servers of this cloud are made in the name of their borrower: log in with OpenStack credentials, not with a token of Berth';
    throw new ProviderError('forbidden', 'none', text);
  }
  if (!cloud.canDelegate) {
    const text =
      'servers of this cloud are made in the name of their borrower, and an application credential may not delegate that: log in with a password';
    throw new ProviderError('forbidden', 'none', text);
  }
  const least = cloud.roles.filter((role) => MEMBER_ROLES.has(role));
  await createTrust(own, {
    trustorToken: cloud.token,
    trustorUserId: userId,
    trusteeUserId: (await own.identity()).userId,
    projectId,
    roles: least.length > 0 ? least : cloud.roles,
  });
}

/** A trust dies with its trustor's roles, without a word. */
async function isUsable(session: OpenStackSession): Promise<boolean> {
  try {
    await session.projectId();
    return true;
  } catch (error) {
    if (error instanceof ProviderError && isRefusal(error)) return false;
    throw error;
  }
}

function isRefusal({ code }: ProviderError): boolean {
  return code === 'unauthorized';
}

/** The entries that were used last. */
class Recent<T> {
  readonly #entries = new Map<string, T>();

  peek(key: string): T | null {
    return this.#entries.get(key) ?? null;
  }

  get(key: string, make: () => T): T {
    const value = this.#entries.get(key) ?? make();
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > SESSIONS_MAX && oldest !== undefined) this.#entries.delete(oldest);
    return value;
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
