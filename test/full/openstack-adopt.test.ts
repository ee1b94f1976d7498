/** A lost data folder in front of a real OpenStack: nothing is deleted, and everything comes back. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { eventually } from '../support/process.ts';
import { counts, ofLease } from '../support/real-api.ts';
import {
  REAL_CLOUD_START_MS_MAX,
  startRealCloud,
  whyNoRealCloud,
  type RealCloud,
} from '../support/real-cloud.ts';
import { RealSite } from '../support/real-site.ts';

const reason = whyNoRealCloud();
if (reason !== null) console.warn(`no real OpenStack here: it ${reason}`);

const POLL_MS = 1000;
const SETTLE_MS_MAX = 60_000;
/** Looks cost the cloud as much as the work that is waited for. */
const LOOK_MS = 500;

/** What has to be the same afterwards. */
const keptSchema = z.object({
  id: z.string(),
  name: z.string(),
  state: z.string(),
  project_id: z.string(),
  owner_id: z.string(),
  flavor: z.string(),
  host: z.string(),
  connection: z.object({ host: z.string(), port: z.number(), user: z.string() }),
});
type Kept = z.output<typeof keptSchema>;

describe.skipIf(reason !== null)('Berth with an empty data folder', () => {
  let cloud: RealCloud;
  let site: RealSite;

  beforeAll(async () => {
    cloud = await startRealCloud();
    site = await RealSite.open(cloud);
  }, REAL_CLOUD_START_MS_MAX);

  afterAll(async () => {
    await site.remove();
    await cloud.release();
  });

  test.each(['project', 'service'] as const)(
    'finds its servers again (ownership %s)',
    { timeout: 240_000 },
    async (ownership) => {
      const { admin } = site;
      const setup = { config: { poll_interval: '1s', clouds: [await settings(ownership)] } };
      site.loseData();
      const first = await site.serve(setup);
      if (ownership === 'project') {
        await site.out('admin', 'project', 'add', 'demo');
        await site.out('admin', 'project', 'add', 'lab2');
      }
      const ids = [await site.borrow('demo', 'gpu_tiny', '--for', '2h', '--name', 'one')];
      ids.push(await site.borrow('lab2', 'gpu_medium', '--for', '2h', '--name', 'two'));
      const states = async (): Promise<string> =>
        (await site.client(admin).listLeases()).leases.map(({ state }) => state).join();
      const areActive = async (): Promise<boolean> => (await states()) === 'active,active';
      await eventually('two active leases', SETTLE_MS_MAX, areActive, states, LOOK_MS);
      const before = await leases();
      expect(before.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
      const outside = await admin.outside();
      await first.end('SIGKILL');

      site.loseData();
      const second = await site.serve(setup);
      const { mode, mode_reason: why } = await site.client(admin).getStatus();
      expect([mode, why]).toEqual(['observe', expect.stringContaining('berth adopt')]);
      await new Promise((resolve) => setTimeout(resolve, 5 * POLL_MS));
      expect(await admin.outside()).toEqual(outside);

      const adoptable = JSON.parse(await site.out('admin', 'adopt', '--long', '-f', 'json'));
      expect(adoptable.map((row: Readonly<Record<string, string>>) => row['Lease']).toSorted()).toEqual(
        ids.toSorted(),
      );
      await site.out('admin', 'adopt', '--all', '--for', '1h');
      expect(await leases()).toEqual(before);
      expect(await admin.outside()).toEqual(outside);
      await second.end('SIGTERM');

      await site.serve({ ...setup, args: ['--mode', 'act'] });
      const [gone = '', kept = ''] = ids;
      expect(await site.out('lab2', 'lease', 'list', '-f', 'value', '-c', 'ID')).toBe(kept);
      await site.out('demo', 'return', gone);
      const after = await admin.outside();
      expect(counts(ofLease(after, gone))).toEqual([0, 0, 0]);
      expect(ofLease(after, kept)).toEqual(ofLease(outside, kept));
      const said = await site.out('lab2', 'ssh', kept, '--identity', site.key, '--', 'hostname');
      expect(said).toBe('two');
      await site.out('lab2', 'return', kept);
      expect(counts(ofLease(await admin.outside(), kept))).toEqual([0, 0, 0]);
    },
  );

  async function leases(): Promise<readonly Kept[]> {
    const { leases: found } = await site.client(site.admin).listLeases();
    return found.map((lease) => keptSchema.parse(lease)).toSorted((a, b) => a.name.localeCompare(b.name));
  }

  /** With ownership service everything is in the project admin, which has no network of its own. */
  async function settings(ownership: 'project' | 'service'): Promise<object> {
    if (ownership === 'project') return { name: 'admin', ownership };
    const demo = await site.logIn('demo');
    return { name: 'admin', ownership, network: await demo.idOf('network', '/v2.0/networks', 'private') };
  }
});
