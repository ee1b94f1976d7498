/**
 * The life of one lease on a real OpenStack, in which the server process is killed at outside calls that
 * make, keep, bring back or take away something, and started again.
 */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { LeaseJson } from '../../src/api/leases.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { HttpTap, type Call, type Caught, type Handling } from './http-tap.ts';
import { eventually } from './process.ts';
import { counts, ofLease, type RealApi } from './real-api.ts';
import type { RealCloud } from './real-cloud.ts';
import { RealSite, type Serving } from './real-site.ts';

/** Longer than this cloud takes for any call, even on a busy machine. */
const CALL_TIMEOUT_S = 10;
const SETTLE_MS_MAX = 90_000;
/** Looks cost the cloud as much as the work that is waited for. */
const LOOK_MS = 500;

type CrashStep = 'createPort' | 'createServer' | 'createFloatingIp' | 'shelve' | 'unshelve' | 'deleteServer';

/** In the order of a life. */
const STEPS: readonly CrashStep[] = [
  'createPort',
  'createServer',
  'createFloatingIp',
  'shelve',
  'unshelve',
  'deleteServer',
];
/** Whose late effect could be something that nobody wants any more. */
const LATE_STEPS = new Set<CrashStep>(['createPort', 'createServer', 'createFloatingIp', 'unshelve']);

/** Where the lease rests when the server that was started again has taken the step; absent: on its way. */
const REST: Readonly<Partial<Record<CrashStep, LeaseJson['state']>>> = {
  createFloatingIp: 'active',
  shelve: 'shelved',
  unshelve: 'active',
  deleteServer: 'ended',
};

export interface Life {
  readonly crashes: number;
  /** Servers of the lease that there ever were, deleted ones included. */
  readonly serversEver: number;
}

/** `handling`: what becomes of each call at which the process is killed. */
export async function crashedLife(cloud: RealCloud, handling: Exclude<Handling, 'hold'>): Promise<Life> {
  return live(cloud, async (scene) => {
    for (const step of STEPS) await scene.crashAt(step, handling);
  });
}

/** Each call that makes something arrives only after its successor has done the work, or all is over. */
export async function lateLife(cloud: RealCloud, arrival: 'active' | 'ended'): Promise<Life> {
  return live(cloud, async (scene) => {
    const held: Caught[] = [];
    for (const step of STEPS) {
      if (LATE_STEPS.has(step)) held.push(await scene.crashAt(step, 'hold'));
      else await scene.pass(step);
      const isTime = arrival === 'active' ? REST[step] === 'active' : step === 'deleteServer';
      if (isTime) for (const caught of held.splice(0)) await caught.letGo();
    }
  });
}

async function live(cloud: RealCloud, story: (scene: Scene) => Promise<void>): Promise<Life> {
  const scene = await Scene.open(cloud);
  try {
    await story(scene);
    return await scene.end();
  } finally {
    await scene.close();
  }
}

class Scene {
  readonly #site: RealSite;
  readonly #taps: readonly HttpTap[];
  readonly #borrower: RealApi;
  #serving: Serving | null = null;
  /** Nova forgets the tags of deleted servers, not their names. */
  readonly #name = `crash-${randomUUID()}`;
  #leaseId = '';
  #crashes = 0;

  private constructor(site: RealSite, taps: readonly HttpTap[], borrower: RealApi) {
    this.#site = site;
    this.#taps = taps;
    this.#borrower = borrower;
  }

  static async open(cloud: RealCloud): Promise<Scene> {
    const plain = await RealSite.open(cloud);
    await plain.remove();
    const compute = await HttpTap.open(plain.admin.endpoint('compute'));
    const network = await HttpTap.open(plain.admin.endpoint('network'));
    const site = await RealSite.open(cloud, {
      admin: {
        api_timeout: CALL_TIMEOUT_S,
        compute_endpoint_override: compute.url,
        network_endpoint_override: network.url,
      },
    });
    return new Scene(site, [compute, network], await site.logIn('demo'));
  }

  /** Kills the server at the call, starts it again, and sees where it gets. */
  async crashAt(step: CrashStep, handling: Handling): Promise<Caught> {
    const caught = this.#catch(step, handling);
    await this.#ask(step);
    await Promise.race([caught.reached, this.#impatience(step)]);
    await this.#serving?.end('SIGKILL');
    this.#serving = null;
    this.#crashes += 1;
    expect(this.#site.newestIntent()?.step).toBe(step);
    await this.#rest(step);
    return caught;
  }

  async pass(step: CrashStep): Promise<void> {
    await this.#ask(step);
    await this.#rest(step);
  }

  async end(): Promise<Life> {
    const { admin } = this.#site;
    await this.#leaves([0, 0, 0]);
    const servers = await admin.everNamed(this.#name);
    return { crashes: this.#crashes, serversEver: servers.length };
  }

  async close(): Promise<void> {
    await this.#site.remove();
    await Promise.all(this.#taps.map((tap) => tap.close()));
  }

  #catch(step: CrashStep, handling: Handling): Caught {
    const [compute, network] = this.#taps;
    const tap = step === 'createPort' || step === 'createFloatingIp' ? network : compute;
    if (tap === undefined) throw new Error('the scene has two taps');
    return tap.set(handling, (call) => isCallOf(step, call));
  }

  /** Sees to it that a server runs that is about to take the step. */
  async #ask(step: CrashStep): Promise<void> {
    const client = await this.#client();
    if (step === 'createPort') {
      await this.#site.out('admin', 'project', 'add', 'demo');
      const { lease } = await client.createLease({
        flavor: 'gpu_tiny',
        duration: '1h',
        name: this.#name,
      });
      this.#leaseId = lease?.id ?? '';
    }
    if (step === 'shelve') await client.shelveLease(this.#leaseId);
    if (step === 'unshelve') await client.unshelveLease(this.#leaseId);
    if (step === 'deleteServer') await client.releaseLease(this.#leaseId);
  }

  async #rest(step: CrashStep): Promise<void> {
    const state = REST[step];
    if (state === undefined) return;
    const client = await this.#client();
    const read = async (): Promise<LeaseJson> => (await client.getLease(this.#leaseId)).lease;
    const isThere = async (): Promise<boolean> => (await read()).state === state;
    await eventually(`the lease to be ${state} after ${step}`, SETTLE_MS_MAX, isThere, read, LOOK_MS);
    await this.#leaves(state === 'ended' ? [0, 0, 0] : [1, 1, 1]);
  }

  /** What is there of the lease once all is quiet: servers, ports, floating IPs. */
  async #leaves(expected: readonly [number, number, number]): Promise<void> {
    const read = async (): Promise<string> =>
      counts(ofLease(await this.#site.admin.outside(), this.#leaseId)).join();
    const isSo = async (): Promise<boolean> => (await read()) === expected.join();
    await eventually(`${expected.join()} of the lease outside`, SETTLE_MS_MAX, isSo, read, LOOK_MS);
  }

  async #client(): Promise<Client> {
    // Others use the same cloud meanwhile: what they have made must not make this one observe only.
    const setup = { config: { poll_interval: '2s', clouds: [{ name: 'admin' }] }, args: ['--mode', 'act'] };
    this.#serving ??= await this.#site.serve(setup);
    return createClient({ baseUrl: this.#serving.url, token: this.#borrower.token });
  }

  async #impatience(step: CrashStep): Promise<never> {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS_MAX).unref());
    throw new Error(`Berth did not come to ${step}: ${this.#serving?.said() ?? 'no server runs'}`);
  }
}

function isCallOf(step: CrashStep, { method, path, body }: Call): boolean {
  switch (step) {
    case 'createPort':
      return method === 'POST' && /^\/v2\.0\/ports(?:\?|$)/.test(path);
    case 'createServer':
      return method === 'POST' && /\/servers(?:\?|$)/.test(path);
    case 'createFloatingIp':
      return method === 'POST' && /^\/v2\.0\/floatingips(?:\?|$)/.test(path);
    case 'shelve':
      return method === 'POST' && path.endsWith('/action') && body.startsWith('{"shelve":');
    case 'unshelve':
      return method === 'POST' && path.endsWith('/action') && body.startsWith('{"unshelve":');
    case 'deleteServer':
      return method === 'DELETE' && /\/servers\/[^/]+$/.test(path);
  }
}
