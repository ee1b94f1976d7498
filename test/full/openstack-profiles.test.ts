/** Machines that are set up, on a real OpenStack: what runs there is a shell, and what is seen is a console. */
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { eventually } from '../support/process.ts';
import { counts, ofBerth, ofLease, type RealApi } from '../support/real-api.ts';
import {
  REAL_CLOUD_START_MS_MAX,
  startRealCloud,
  whyNoRealCloud,
  type RealCloud,
} from '../support/real-cloud.ts';
import { RealSite, type Serving } from '../support/real-site.ts';

const reason = whyNoRealCloud();
if (reason !== null) console.warn(`no real OpenStack here: it ${reason}`);

/** A cloud on a busy machine takes its time. */
const SETTLE_MS_MAX = 200_000;

/** The first step takes until it has been seen. */
const PROFILES = `
- name: greeting
  summary: Says hello
  parameters:
    whom: { help: Who is greeted., default: world }
    gate: { help: A file that is waited for., default: / }
  steps:
    - title: greeting {whom}
      expected: 2m
      script: |
        until [ -e "$P_GATE" ]; do sleep 1; done
        note greeting "said hello to $P_WHOM as $(id -u)"
    - title: taking leave
      script: 'true'
      expected: 2m
`;

const groupsSchema = z.object({
  security_groups: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      description: z.string(),
      security_group_rules: z.array(
        z.object({ direction: z.string(), remote_ip_prefix: z.string().nullable() }),
      ),
    }),
  ),
});

describe.skipIf(reason !== null)('set-up on a real OpenStack', { timeout: 300_000 }, () => {
  let cloud: RealCloud;
  let site: RealSite;
  let admin: RealApi;
  let demo: RealApi;
  let serving: Serving | null = null;

  beforeAll(async () => {
    cloud = await startRealCloud();
    site = await RealSite.open(cloud);
    admin = site.admin;
    demo = await site.logIn('demo');
    writeFileSync(join(site.dir, 'profiles.yaml'), PROFILES);
  }, REAL_CLOUD_START_MS_MAX);

  afterEach(async () => {
    await serving?.end('SIGTERM');
    site.loseData();
    expect(counts(ofBerth(await admin.outside()))).toEqual([0, 0, 0]);
  });

  afterAll(async () => {
    await site.remove();
    await cloud.release();
  });

  async function serve(cloudSettings: object = {}): Promise<void> {
    const config = { profiles: 'profiles.yaml', clouds: [{ name: 'admin', ...cloudSettings }] };
    serving = await site.serve({ config });
    await site.out('admin', 'project', 'add', 'demo');
  }

  const borrow = (...args: readonly string[]) =>
    site.berth('demo', 'borrow', 'gpu_tiny', '--for', '1h', '--key', `${site.key}.pub`, ...args);

  test('its progress is seen while it is waited for, and its notes are told', async () => {
    await serve();
    const gate = join(tmpdir(), `berth-gate-${process.pid}`);
    const profile = `greeting:whom=Ada $(id) 'x',gate=${gate}`;
    const borrowing = borrow('--name', 'greeted', '--profile', profile, '--image', 'family:ubuntu-22.04');
    const obstacles = async (): Promise<readonly (string | null)[]> =>
      (await site.client(demo).listLeases()).leases.map(({ obstacle }) => obstacle);
    const isSeen = async (): Promise<boolean> =>
      (await obstacles()).includes("greeting Ada $(id) 'x' (1 of 2)");
    try {
      await eventually('the first step to be seen', SETTLE_MS_MAX, isSeen, obstacles);
      writeFileSync(gate, '');
    } finally {
      await borrowing;
      rmSync(gate, { force: true });
    }
    const { code, stdout, stderr } = await borrowing;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain("greeting Ada $(id) 'x' (1 of 2)");
    // The guests of the test cloud run it as nobody.
    expect(stderr).toContain("greeting: said hello to Ada $(id) 'x' as 60999");
    expect(stdout).toMatch(/^ssh /);
    const shown = await site.out('demo', 'lease', 'show', 'greeted', '-f', 'json');
    expect(JSON.parse(shown)).toMatchObject({ notes: [expect.stringContaining('said hello')] });
    await site.out('demo', 'return', 'greeted');
  });

  test('where a machine of this cloud cannot become it, the lease fails in its words', async () => {
    await serve();
    const { code, stderr } = await borrow('--profile', 'nvidia-driver:version=550');
    expect(code).toBe(1);
    // The guests are nobody to apt-get.
    expect(stderr).toMatch(
      /its set-up has failed: nvidia-driver: installing the NVIDIA driver 550: .*(?:E:|apt)/,
    );
    expect(counts(ofBerth(await admin.outside()))).toEqual([0, 0, 0]);
  });

  test('what does not suit the card is refused before anything is made', async () => {
    await serve();
    const open = await borrow('--profile', 'nvidia-driver:kernel=open');
    expect(open).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('V100 cannot use the open kernel'),
    });
    const unknown = await borrow('--profile', 'gretting');
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining("Did you mean 'greeting'?") });
    expect(await site.out('demo', 'lease', 'list', '-f', 'value')).toBe('');
  });

  test('SSH is let in by a group of the project, made once; the network and the address are as asked', async () => {
    await serve({ ready: { probe: 'none' } });
    const ours = async (): Promise<z.output<typeof groupsSchema>['security_groups']> => {
      const { body } = await demo.call('network', 'GET', '/v2.0/security-groups?name=berth-ssh');
      return groupsSchema.parse(body).security_groups;
    };
    try {
      const from = ['--ssh-from', '192.0.2.7/24', '--address', 'fixed', '--network', 'private'];
      for (const name of ['one', 'two'])
        expect(await borrow('--name', name, ...from)).toMatchObject({ code: 0 });
      const [group, ...others] = await ours();
      expect(others).toEqual([]);
      expect(group?.description).toMatch(/^berth:.+:ssh$/);
      const inward = group?.security_group_rules.filter(({ direction }) => direction === 'ingress');
      expect(inward).toMatchObject([{ remote_ip_prefix: '192.0.2.0/24' }]);
      const { lease } = await site.client(demo).getLease('one');
      const { ports, floatingIps } = ofLease(await admin.outside(), lease.id);
      expect([ports.length, floatingIps.length]).toEqual([1, 0]);
      await site.out('demo', 'return', 'one', 'two');
    } finally {
      for (const { id } of await ours()) await demo.call('network', 'DELETE', `/v2.0/security-groups/${id}`);
    }
  });
});
