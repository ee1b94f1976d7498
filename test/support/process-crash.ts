/** One lease whose server process is killed at a named point of a named outside call, and started again. */
import { expect } from 'vitest';
import type { LeaseJson } from '../../src/api/leases.ts';
import type { StepKind } from '../../src/domain/provision/sighting.ts';
import { CrashSite, eventually, type IntentSeen, type ServerProcess, type SiteStore } from './process.ts';
import { allEvents, cloudOf, differences, liveLeases, logFaults, madeIn } from './process-cloud.ts';

export type CrashPoint = 'before_intent' | 'before_send' | 'after_reply' | 'after_commit';
export type CrashStep = Extract<
  StepKind,
  'createPort' | 'createServer' | 'createFloatingIp' | 'shelve' | 'unshelve' | 'deleteServer'
>;

/** Outside calls that one lease has led to when it comes to the step, in order. */
const CALLS: Readonly<Record<CrashStep, readonly StepKind[]>> = {
  createPort: ['createPort'],
  createServer: ['createPort', 'createServer'],
  createFloatingIp: ['createPort', 'createServer', 'createFloatingIp'],
  shelve: ['createPort', 'createServer', 'createFloatingIp', 'shelve'],
  unshelve: ['createPort', 'createServer', 'createFloatingIp', 'shelve', 'lock', 'unlock', 'unshelve'],
  deleteServer: ['createPort', 'createServer', 'createFloatingIp', 'deleteFloatingIp', 'deleteServer'],
};

/** Where the lease is when the server that was started again has done its work. */
const GOAL: Readonly<Record<CrashStep, LeaseJson['state']>> = {
  createPort: 'active',
  createServer: 'active',
  createFloatingIp: 'active',
  shelve: 'shelved',
  unshelve: 'active',
  deleteServer: 'ended',
};

/** A start, a shelving, and the call time-out of 5 s that a new process waits for, on a busy machine. */
const SETTLE_MS_MAX = 30_000;

/**
 * Kills at the point, starts again, and expects that the lease gets where it was going and leaves nothing.
 * `store` left out: SQLite.
 */
export async function crashAt(point: CrashPoint, step: CrashStep, store?: SiteStore): Promise<void> {
  const site = new CrashSite(2, store);
  try {
    await crashOn(site, point, step);
  } finally {
    await site.remove();
  }
}

async function crashOn(site: CrashSite, point: CrashPoint, step: CrashStep): Promise<void> {
  const first = await site.start({ pausePoint: `${point}:${CALLS[step].length}` });
  const id = await leadTo(first, step);
  await eventually(
    `the pause at ${point}`,
    SETTLE_MS_MAX,
    () => first.stderr().includes(`paused at ${point}`),
    () => first.stderr(),
  );
  await first.end('SIGKILL');
  expect(await site.newestIntent()).toEqual(expectedIntent(point, step));

  const second = await site.start();
  await reaches(second, id, GOAL[step]);
  expect(differences(await liveLeases(second), await cloudOf(second))).toEqual([]);
  if (GOAL[step] !== 'ended') await second.client.releaseLease(id);
  await reaches(second, id, 'ended');
  expect(madeIn(await cloudOf(second))).toEqual([]);
  const { lease } = await second.client.getLease(id);
  expect(logFaults(await allEvents(second), [lease])).toEqual([]);
  // At most that nobody knows what the call of the dead process did.
  expect(lease.setbacks.filter(({ code }) => code !== 'cloud_no_reply')).toEqual([]);
}

/** Borrows, and asks for what makes Berth take the step. */
async function leadTo(server: ServerProcess, step: CrashStep): Promise<string> {
  const { client } = server;
  const { lease } = await client.createLease({ flavor: 'gpu_tiny', duration: '1h' });
  const id = lease?.id ?? '';
  if (step === 'shelve' || step === 'unshelve' || step === 'deleteServer') {
    await reaches(server, id, 'active');
    if (step === 'deleteServer') await client.releaseLease(id);
    else await client.shelveLease(id);
  }
  if (step === 'unshelve') {
    await reaches(server, id, 'shelved');
    await client.unshelveLease(id);
  }
  return id;
}

async function reaches({ client }: ServerProcess, id: string, state: LeaseJson['state']): Promise<void> {
  const read = async (): Promise<LeaseJson> => (await client.getLease(id)).lease;
  await eventually(
    `the lease to be ${state}`,
    SETTLE_MS_MAX,
    async () => (await read()).state === state,
    read,
  );
}

/** What the dead process must have left on record, if it died where it was meant to. */
function expectedIntent(point: CrashPoint, step: CrashStep): IntentSeen | null {
  const before = CALLS[step].at(-2);
  if (point === 'before_intent') return before === undefined ? null : { step: before, isOpen: false };
  return { step, isOpen: point !== 'after_commit' };
}
