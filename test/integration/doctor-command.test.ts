// `berth doctor` from the command line to a simulated cloud behind HTTP: files, exit codes, forms of output.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sleep, systemClock } from '../../src/base/clock.ts';
import { createPrng } from '../../src/base/prng.ts';
import { doctorEntries, examineClouds } from '../../src/main/doctor.ts';
import { SimCloud } from '../../src/sim/cloud.ts';
import { NO_FAULTS } from '../../src/sim/faults.ts';
import { listenSimCloud, type SimListener } from '../../src/sim/listen.ts';
import { defaultTopology, parseTopology } from '../../src/sim/topology.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { createCliTest, type CliTest } from '../support/cli-io.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-doctor-'));
let listener: SimListener;
let cli: CliTest;

beforeAll(async () => {
  const aggregate = { name: 'new', metadata: { gpu: 'True', gpu_type: 'V100', gpu_count: '2' }, hosts: [] };
  const flavor = { name: 'typo', vcpus: 4, ram: 8192, disk: 50, gpu: 'V10O:1' };
  const topology = parseTopology({
    ...defaultTopology,
    projects: [...defaultTopology.projects, { name: 'service', private_cidr: '10.30.0.0/24' }],
    aggregates: [...defaultTopology.aggregates, aggregate],
    flavors: [...defaultTopology.flavors, flavor],
  });
  const cloud = new SimCloud({ topology });
  cloud.faultPolicy = { ...NO_FAULTS, replyMs: [0, 0] };
  listener = await listenSimCloud(cloud, {
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    prng: createPrng(1),
  });
  const auth = [
    `    auth: {auth_url: '${listener.url}/identity', username: cyborg, password: cyborg,`,
    '      project_name: service, user_domain_name: Default, project_domain_name: Default}',
  ];
  const dead = auth.map((line) => line.replace(listener.url, 'http://127.0.0.1:9'));
  write('clouds.yaml', [
    'clouds:',
    '  lab:',
    ...auth,
    '  dead:',
    ...dead,
    '  odd: {auth: 7}',
    '  open:',
    '    verify: false',
    ...auth,
  ]);
  write('berth.yaml', cloudConfig('lab'));
  write('two.yaml', [...cloudConfig('lab'), ...cloudConfig('dead').slice(1)]);
  write('bad.yaml', ['cloud: []', 'poll_interval: often']);
  cli = commandLine(false);
});

afterAll(async () => {
  await listener.close();
  rmSync(folder, { recursive: true });
});

test('says for people what is wrong and how to mend it, errors first, and ends with 1', async () => {
  expect(await doctor()).toBe(1);
  expect(cli.stdout()).toBe(
    [
      "error alias_unknown flavor 'typo'",
      "  'typo' asks for 'V10O', but the aggregates have V100.",
      '  Fix: openstack flavor set --property pci_passthrough:alias=V100:1 typo',
      '',
      "warning aggregate_empty aggregate 'new'",
      '  It describes GPUs, but has no host.',
      '  Fix: openstack aggregate add host new HOST, or openstack aggregate delete new',
      '',
      '',
    ].join('\n'),
  );
  expect(cli.stderr()).toContain('2 findings in lab: 1 error, 1 warning.');
});

test('colours are for terminals', async () => {
  const terminal = commandLine(true);
  await terminal.run('doctor', '--config', join(folder, 'berth.yaml'));
  expect(terminal.stdout()).toContain('\u001B[31merror\u001B[0m');
});

test('warnings alone end with 0, unless they are to count', async () => {
  expect(await doctor('--only', 'aggregate_empty')).toBe(0);
  expect(await doctor('--only', 'aggregate_empty', '--strict')).toBe(1);
  expect(await doctor('--only', 'quota_exhausted', '--strict')).toBe(0);
  expect(cli.stderr()).toContain('0 findings in lab.');
});

test('the other forms are for programs', async () => {
  cli.stdout();
  expect(await doctor('-f', 'json', '--long', '--only', 'alias_unknown')).toBe(1);
  const records: unknown = JSON.parse(cli.stdout());
  expect(records).toMatchObject([{ Severity: 'error', Code: 'alias_unknown', Cloud: 'lab' }]);
  expect(await doctor('-f', 'value', '-c', 'code')).toBe(1);
  expect(cli.stdout()).toBe('alias_unknown\naggregate_empty\n');
});

test('lists what there can be', async () => {
  expect(await cli.run('doctor', '--list', '-f', 'value', '-c', 'code')).toBe(0);
  expect(cli.stdout().trim().split('\n')).toHaveLength(doctorEntries().length);
  expect(await doctor('--only', 'alias_unkown')).toBe(2);
  expect(cli.stderr()).toContain("Did you mean 'alias_unknown'?");
});

test('one cloud that is down does not hide the other', async () => {
  expect(await cli.run('doctor', '--config', join(folder, 'two.yaml'), '-f', 'json', '--long')).toBe(1);
  const records = JSON.parse(cli.stdout()) as readonly { readonly Code: string; readonly Cloud: string }[];
  expect(records.map(({ Cloud, Code }) => `${Cloud} ${Code}`)).toEqual([
    'lab alias_unknown',
    'lab aggregate_empty',
    'dead keystone_unreachable',
  ]);
});

test.each([
  ['bad.yaml', [], ['config_invalid', 'config_invalid']],
  ['none.yaml', [], ['config_invalid']],
  ['berth.yaml', ['--cloud', 'lib'], ['cloud_unreadable']],
  ['berth.yaml', ['--cloud', 'odd'], ['cloud_unreadable']],
])('files that cannot be used are findings, too: %s %s', async (file, more, codes) => {
  cli.stdout();
  const argv = ['doctor', '--config', join(folder, file), ...more, '-f', 'value', '-c', 'code'];
  expect(await cli.run(...argv)).toBe(1);
  expect(cli.stdout().trim().split('\n')).toEqual(codes);
});

test('who waits longer than a second is told for what, and who does not is not', async () => {
  const clock = createVirtualClock(Date.UTC(2026, 10, 21));
  const slow = createCliTest({
    clock,
    server: {
      doctorCatalogue: async () => doctorEntries(),
      doctor: async ({ say }) => {
        say('reading the list of hypervisors');
        await sleep(clock, 900);
        expect(slow.stderr()).toBe('');
        say('reading the list of images');
        await sleep(clock, 900);
        return { clouds: ['lab'], findings: [] };
      },
    },
  });
  const ended = { code: -1 };
  void slow.run('doctor', '--cloud', 'lab').then((code) => (ended.code = code));
  await clock.runUntil(() => ended.code >= 0, 5000);
  expect(ended.code).toBe(0);
  expect(slow.stderr()).toBe('examining the cloud: reading the list of images\n0 findings in lab.\n');
});

test('a cloud whose certificates are not checked is a warning', async () => {
  const more = ['--cloud', 'open', '--only', 'tls_unverified', '-f', 'value', '-c', 'severity'];
  expect(await doctor(...more)).toBe(0);
  expect(cli.stdout()).toBe('warning\n');
});

test('without any cloud nothing is examined', async () => {
  write('empty.yaml', ['data: x']);
  expect(await cli.run('doctor', '--config', join(folder, 'empty.yaml'))).toBe(2);
  expect(cli.stderr()).toContain('no cloud is named');
});

test("the server's own machines are not taken for those of another Berth", async () => {
  const dir = join(folder, 'data');
  const ids = { next: () => crypto.randomUUID() };
  const store = await openSqliteStore({ dir, version: '1', clock: systemClock, ids });
  const { snapshot } = await store.load();
  const { deploymentId } = snapshot.control;
  await bootMarked(`berth:${deploymentId}:lease-1`);
  expect(await doctor('--only', 'foreign_deployment', '--strict', '--data', dir)).toBe(0);
  expect(await doctor('--only', 'marks_without_store', '--strict', '--data', join(folder, 'lost'))).toBe(1);
  await store.close();
});

function write(name: string, lines: readonly string[]): void {
  writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
}

function cloudConfig(name: string): readonly string[] {
  const keys = [
    '    ownership: service',
    "    aliases: {'tesla-v100': V100}",
    '    image: ubuntu-22.04-cuda',
  ];
  return ['clouds:', `  - name: ${name}`, ...keys];
}

function commandLine(isTTY: boolean): CliTest {
  const place = { env: {}, folder, clock: systemClock };
  const server = {
    doctor: (options: Parameters<typeof examineClouds>[0]) => examineClouds(options, place),
    doctorCatalogue: async () => doctorEntries(),
  };
  return createCliTest({ server, isTTY });
}

function doctor(...more: readonly string[]): Promise<number> {
  return cli.run('doctor', '--config', join(folder, 'berth.yaml'), ...more);
}

/** A server with the tag in project demo. */
async function bootMarked(tag: string): Promise<void> {
  const domain = { id: 'default' };
  const identity = {
    methods: ['password'],
    password: { user: { name: 'demo', domain, password: 'demo' } },
  };
  const login = await call('/identity/v3/auth/tokens', null, {
    auth: { identity, scope: { project: { name: 'demo', domain } } },
  });
  const token = login.headers.get('x-subject-token');
  const server = { name: 'gpu-1', flavorRef: 'gpu_tiny', imageRef: await imageId(token), tags: [tag] };
  const booted = await call('/compute/v2.1/servers', token, { server: { ...server, networks: 'auto' } });
  expect(booted.status).toBe(202);
}

async function imageId(token: string | null): Promise<string> {
  const headers = { 'x-auth-token': token ?? '' };
  const reply = await fetch(`${listener.url}/image/v2/images`, { headers });
  const { images } = (await reply.json()) as { readonly images: readonly { readonly id: string }[] };
  return images[0]?.id ?? '';
}

function call(path: string, token: string | null, body: unknown): Promise<Response> {
  return fetch(listener.url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'openstack-api-version': 'compute 2.87',
      ...(token !== null && { 'x-auth-token': token }),
    },
    body: JSON.stringify(body),
  });
}
