/** What the cases of the contract share: sessions on the cloud, and a record of what goes over the wire. */
import { expect, onTestFinished } from 'vitest';
import { z } from 'zod';
import { sleep, systemClock } from '../../src/base/clock.ts';
import { ProviderError } from '../../src/engine/ports.ts';
import type { Credentials, Scope } from '../../src/openstack/credentials.ts';
import type { Fetch } from '../../src/openstack/http.ts';
import { logIn } from '../../src/openstack/login.ts';
import { createSession, type OpenStackSession } from '../../src/openstack/session.ts';
import type { AccountName, ContractTarget } from './target.ts';

/** Enough for any call of a busy machine; faults that need less say so. */
const CALL_TIMEOUT_MS = 60_000;
/** What the slowest of these clouds takes for anything. */
const EVENTUALLY_MS_MAX = 45_000;

export interface SentCall {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly token: string | null;
  readonly atMs: number;
}

export interface Bench {
  readonly target: ContractTarget;
  /** What was sent and answered, oldest first. */
  readonly sent: readonly SentCall[];
  readonly fetch: Fetch;
  /** Shared by all cases, in the account's own project. */
  readonly admin: OpenStackSession;
  readonly demo: OpenStackSession;
  readonly lab2: OpenStackSession;
  readonly session: (credentials: Credentials, callTimeoutMs?: number) => OpenStackSession;
}

export function createBench(target: ContractTarget): Bench {
  const sent: SentCall[] = [];
  const recording: Fetch = async (url, init) => {
    const response = await fetch(url, init);
    const token = init.headers['x-auth-token'] ?? null;
    sent.push({ method: init.method, url, status: response.status, token, atMs: performance.now() });
    return response;
  };
  const session: Bench['session'] = (credentials, callTimeoutMs = CALL_TIMEOUT_MS) =>
    createSession({
      authUrl: target.authUrl,
      credentials,
      region: null,
      interfaces: ['public'],
      fetch: recording,
      clock: systemClock,
      callTimeoutMs,
    });
  const shared = (name: AccountName): OpenStackSession => session(passwordOf(target, name));
  const [admin, demo, lab2] = [shared('admin'), shared('demo'), shared('lab2')];
  return { target, sent, fetch: recording, admin, demo, lab2, session };
}

/** Login with the password of an account, for its own project unless another scope is given. */
export function passwordOf(
  target: ContractTarget,
  name: AccountName,
  scope?: Scope,
): Extract<Credentials, { readonly kind: 'password' }> {
  const { user, password, project } = target.account(name);
  return {
    kind: 'password',
    user: { name: user, domain: { id: 'default' } },
    password,
    scope: scope ?? projectNamed(project),
  };
}

export function projectNamed(name: string): Scope {
  return { kind: 'project', project: { name, domain: { id: 'default' } } };
}

/** A token of its own, which nobody else uses. Throws where Keystone gives none. */
export async function tokenOf(bench: Bench, credentials: Credentials): Promise<string> {
  const { authUrl } = bench.target;
  const options = { authUrl, credentials, fetch: bench.fetch, clock: systemClock };
  const issued = await logIn({ ...options, callTimeoutMs: CALL_TIMEOUT_MS });
  if (!issued.ok) throw new Error(`no token: ${JSON.stringify(issued.error)}`);
  return issued.value;
}

/** Projects by the account's own word. */
export async function projectIdOf(session: OpenStackSession): Promise<string> {
  return (await session.projectId()) ?? expect.fail('the account has a project');
}

/** How a call is refused: fails the test if it is not. */
export async function refusal(work: Promise<unknown>): Promise<ProviderError> {
  const outcome = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (outcome instanceof ProviderError) return outcome;
  throw outcome ?? new Error('it was not refused');
}

/** Code, effect, and the HTTP status that the message tells. */
export async function refusalIn(work: Promise<unknown>): Promise<string> {
  const { code, effect, message } = await refusal(work);
  return `${/: (\d{3}) /.exec(message)?.[1] ?? 'no status'} ${code}, effect ${effect}`;
}

/** Looks until it is so. Rejects with what was seen last. */
export async function until<T>(
  { target }: Bench,
  what: string,
  look: () => Promise<T>,
  isSo: (seen: T) => boolean,
): Promise<T> {
  const endMs = performance.now() + EVENTUALLY_MS_MAX;
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (performance.now() > endMs) throw new Error(`never ${what}: ${JSON.stringify(seen)}`);
    await sleep(systemClock, target.pace.pollMs);
  }
}

/** Undone at the end of the test, the newest first; what is gone already is good. */
export function afterwards(undo: () => Promise<unknown>): void {
  onTestFinished(async () => {
    try {
      await undo();
    } catch (error) {
      if (!(error instanceof ProviderError) || error.code !== 'not_found') throw error;
    }
  });
}

export const anything = z.unknown();
