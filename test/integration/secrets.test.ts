/**
 * No secret comes out anywhere: a real server process, with a secret of every kind that it meets, through
 * success and failure, with a cloud that repeats in its errors all that it was sent. What can be read
 * afterwards is searched for each of them in every encoding. A new place (backups, another store) is a line
 * in `placesOf`.
 */
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, fetch as undiciFetch } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createPrng } from '../../src/base/prng.ts';
import { AUTHORITY_CERT, SERVER_CERT, SERVER_KEY } from '../../src/openstack/tls.fixtures.ts';
import { SimCloud } from '../../src/sim/cloud.ts';
import { listenSimCloud, type SimListener } from '../../src/sim/listen.ts';
import { defaultTopology } from '../../src/sim/topology.ts';
import { eventually } from '../support/process.ts';
import { filesBelow, findSecrets, type Place, type Secret } from '../support/secret-scan.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** Eleven commands at once, on two busy cores. */
const COMMANDS_MS_MAX = 40_000;
const canary = (name: string): string => `canary-${name}-${randomBytes(12).toString('hex')}`;

const PASSWORD = `${canary('password')}"\\&é`;
const CREDENTIAL_SECRET = canary('credential');
const STORE_PASSWORD = canary('database');
const COOKIE = canary('cookie');
const WRONG_TOKEN = canary('authorization');
const URL_PASSWORD = canary('userinfo');
const PRIVATE_KEY = generateKeyPairSync('ed25519')
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
/** What Berth's account is called in the simulated cloud, whose passwords are the names. */
const ACCOUNT = 'cyborg';

const secrets: Secret[] = [
  { name: 'password of the cloud', value: PASSWORD },
  { name: 'application credential', value: CREDENTIAL_SECRET },
  { name: 'password of the database', value: STORE_PASSWORD },
  { name: 'cookie', value: COOKIE },
  { name: 'wrong token', value: WRONG_TOKEN },
  { name: 'password in a URL', value: URL_PASSWORD },
  { name: 'private key sent by mistake', value: PRIVATE_KEY.split('\n')[1] ?? '' },
  { name: 'key of TLS', value: SERVER_KEY.split('\n')[1] ?? '' },
];
const seen = new Set<string>();
const places: Place[] = [];
let dir: string;
let listener: SimListener;
let isHostile = false;

function keep(name: string, value: string): void {
  if (value === '' || seen.has(value)) return;
  seen.add(value);
  secrets.push({ name, value });
}

/** The simulated cloud, whose account has the canary for its password; hostile, it repeats what it is sent. */
function openCloud(): SimCloud {
  const projects = [...defaultTopology.projects, { name: 'service', private_cidr: '10.30.0.0/24' }];
  const cloud = new SimCloud({ topology: { ...defaultTopology, projects } });
  const handle = cloud.handle.bind(cloud);
  cloud.handle = (request, nowMs, prng) => {
    keep("Keystone token (Berth's or a caller's)", request.headers['x-auth-token'] ?? '');
    const data = /"user_data":"([^"]+)"/.exec(request.body ?? '')?.[1];
    const home = /\/phone-home\/[^/]+\/([\w-]+)/.exec(Buffer.from(data ?? '', 'base64').toString())?.[1];
    keep('secret of a machine', home ?? '');
    if (isHostile) {
      const message = `you sent ${JSON.stringify(request.headers)} ${request.body ?? ''}`;
      const status = request.path.includes('/auth/tokens') ? 403 : 500;
      const body = JSON.stringify({ error: { code: status, title: 'Echo', message } });
      return {
        kind: 'reply',
        delayMs: 0,
        response: { status, headers: { 'content-type': 'application/json' }, body },
      };
    }
    const body = request.body?.replaceAll(JSON.stringify(PASSWORD), JSON.stringify(ACCOUNT)) ?? null;
    return handle({ ...request, body }, nowMs, prng);
  };
  return cloud;
}

interface Ran {
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exited: Promise<number | null>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** `berth …`; its output becomes two places. */
function berth(args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', HOME: dir, NODE_EXTRA_CA_CERTS: join(dir, 'ca.pem'), ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve)).then((code) => {
    const name = args.slice(0, 2).join(' ');
    places.push({ name: `stdout of ${name}`, bytes: Buffer.from(stdout) });
    places.push({ name: `stderr of ${name}`, bytes: Buffer.from(stderr) });
    return code;
  });
  return { stdout: () => stdout, stderr: () => stderr, exited, kill: (signal) => void child.kill(signal) };
}

function writeFiles(): void {
  const auth = {
    auth_url: `${listener.url}/identity/v3`,
    username: ACCOUNT,
    password: PASSWORD,
    project_name: 'service',
    user_domain_id: 'default',
    project_domain_id: 'default',
  };
  const user = { ...auth, username: 'demo', password: 'demo', project_name: 'demo' };
  const credential = {
    application_credential_id: 'unknown',
    application_credential_secret: CREDENTIAL_SECRET,
  };
  const inUrl = `http://user:${URL_PASSWORD}@keystone.invalid/v3`;
  const clouds = {
    lent: { auth },
    demo: { auth: user },
    wrong: { auth: { ...user, password: PASSWORD } },
    credential: {
      auth_type: 'v3applicationcredential',
      auth: { auth_url: auth.auth_url, ...credential },
    },
    url: { auth: { ...auth, auth_url: inUrl } },
  };
  writeFileSync(join(dir, 'clouds.yaml'), JSON.stringify({ clouds }), { mode: 0o600 });
  const config = {
    listen: '127.0.0.1:0',
    public_url: 'https://berth.invalid',
    data: join(dir, 'data'),
    poll_interval: '1s',
    token_cache: '0',
    log: { level: 'debug' },
    tls: { key: join(dir, 'key.pem'), cert: join(dir, 'cert.pem') },
    clouds: [{ name: 'lent', external_network: 'public', ready: { probe: 'phone_home' } }],
  };
  writeFileSync(join(dir, 'berth.yaml'), JSON.stringify(config));
  writeFileSync(join(dir, 'id_ed25519'), PRIVATE_KEY, { mode: 0o600 });
  writeFileSync(join(dir, 'key.pem'), SERVER_KEY, { mode: 0o600 });
  writeFileSync(join(dir, 'cert.pem'), SERVER_CERT);
  writeFileSync(join(dir, 'ca.pem'), AUTHORITY_CERT);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'berth-secrets-'));
  mkdirSync(join(dir, 'data'), { mode: 0o700 });
  listener = await listenSimCloud(openCloud(), {
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    prng: createPrng(1),
  });
  writeFiles();
});

afterAll(async () => {
  await listener.close();
  rmSync(dir, { recursive: true, force: true });
});

const dispatcher = new Agent({ connect: { ca: AUTHORITY_CERT, servername: 'localhost' } });
let url = '';

/** One request; its answer becomes a place, headers and all. */
async function ask(
  what: string,
  headers: Readonly<Record<string, string>>,
  body?: object,
): Promise<{ readonly status: number; readonly json: Record<string, never> }> {
  const [method = '', path = ''] = what.split(' ');
  const reply = await undiciFetch(`${url}${path}`, {
    method,
    dispatcher,
    headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  const head = JSON.stringify([...reply.headers]);
  // A new token is shown to who asked for it, once.
  const shown = what === 'POST /v1/tokens' && reply.status === 201 ? '' : text;
  places.push({ name: `answer to ${what.slice(0, 30)}`, bytes: Buffer.from(head + shown) });
  return {
    status: reply.status,
    json: text.startsWith('{') ? (JSON.parse(text) as Record<string, never>) : {},
  };
}

async function login(name: string): Promise<string> {
  const domain = { id: 'default' };
  const identity = { methods: ['password'], password: { user: { name, domain, password: name } } };
  const scope = { project: { name, domain } };
  const reply = await fetch(`${listener.url}/identity/v3/auth/tokens`, {
    method: 'POST',
    body: JSON.stringify({ auth: { identity, scope } }),
  });
  const token = reply.headers.get('x-subject-token') ?? '';
  keep('Keystone token of a caller', token);
  return token;
}

/** Everything that shows state, and what is refused. */
async function askAll(admin: Readonly<Record<string, string>>): Promise<void> {
  for (const path of [
    'status',
    'leases',
    'events',
    'findings',
    'tokens',
    'projects',
    'hosts',
    'queue',
    'flavors',
  ]) {
    await ask(`GET /v1/${path}`, admin);
  }
  for (const path of ['/metrics', '/readyz', '/gpus/flavors', '/openapi.json', '/nowhere'])
    await ask(`GET ${path}`, {});
  const wrong = { authorization: `Bearer ${WRONG_TOKEN}`, cookie: `session=${COOKIE}` };
  expect((await ask('GET /v1/status', wrong)).status).toBe(401);
  expect((await ask('GET /v1/status', { 'x-auth-token': WRONG_TOKEN })).status).not.toBe(200);
  await ask('GET /v1/leases/%00', { ...admin, cookie: COOKIE });
  await ask('PATCH /v1/leases', { ...admin, authorization: admin['authorization'] ?? '' });
}

function placesOf(server: Ran): readonly Place[] {
  return [
    ...places,
    { name: 'stdout of the server', bytes: Buffer.from(server.stdout()) },
    { name: 'stderr of the server', bytes: Buffer.from(server.stderr()) },
    ...filesBelow(join(dir, 'data'), 'data'),
  ];
}

test('no secret comes out anywhere', { timeout: 240_000 }, async () => {
  const server = berth(['serve', '--config', join(dir, 'berth.yaml'), '--mode', 'act']);
  const said = (): string => server.stdout() + server.stderr();
  await eventually('the server to start', 60_000, () => server.stdout().includes('ends in 24 h: '), said);
  url = /serves at (https:\S+);/.exec(server.stdout())?.[1] ?? '';
  const bootstrap = /ends in 24 h: (berth_\S+)/.exec(server.stdout())?.[1] ?? '';
  // Shown once to who started it.
  secrets.push({ name: 'first token', value: bootstrap, belongsIn: ['stdout of'] });
  secrets.push({
    name: 'key of the server',
    value: await readFile(join(dir, 'data', 'secrets.key')),
    belongsIn: ['data/secrets.key'],
  });
  const admin = { authorization: `Bearer ${bootstrap}` };

  const made = await ask('POST /v1/tokens', admin, { name: 'ci', role: 'admin' });
  expect(made, JSON.stringify(made)).toMatchObject({ status: 201 });
  keep('token of Berth', (made.json as { secret?: string }).secret ?? '');
  expect((await ask('POST /v1/clouds/lent/projects', admin, { project: 'demo' })).status).toBe(200);
  const demo = { 'x-auth-token': await login('demo') };
  const wanted = { flavor: 'gpu_tiny', duration: '1h' };
  const refused = await ask('POST /v1/leases', demo, { ...wanted, ssh_public_key: PRIVATE_KEY });
  expect(refused.status).toBe(400);
  expect((await ask('POST /v1/leases', demo, wanted)).status).toBe(201);
  await eventually(
    'a machine',
    30_000,
    () => secrets.some(({ name }) => name === 'secret of a machine'),
    said,
  );
  const home = String(secrets.find(({ name }) => name === 'secret of a machine')?.value);
  const [lease] = ((await ask('GET /v1/leases', demo)).json as { leases?: { id: string }[] }).leases ?? [];
  await ask(`GET /v1/phone-home/${lease?.id}/${home}`, {});
  await ask(`POST /v1/phone-home/${lease?.id}/${home}`, {});
  await askAll(admin);

  isHostile = true;
  const looked = (): boolean => server.stderr().includes('token_not_checked');
  expect((await ask('POST /v1/leases', demo, wanted)).status).toBe(503);
  await ask('GET /v1/clouds/lent/projects', admin);
  await ask('POST /v1/leases', admin, { ...wanted, project_id: 'demo' });
  await ask(`DELETE /v1/leases/${lease?.id}`, admin);
  await eventually('the failure to be logged', 30_000, looked, said);
  const told = async (): Promise<boolean> =>
    JSON.stringify((await ask('GET /v1/status', admin)).json).includes('you sent');
  await eventually('the failure to be told', 30_000, told, said);
  await askAll(admin);

  const client = { BERTH_URL: url.replace('127.0.0.1', 'localhost'), BERTH_TOKEN: bootstrap };
  const runs = [
    berth(['status', '-f', 'json'], client),
    berth(['borrow', 'gpu_tiny', '--for', '1h', '--ssh-key', join(dir, 'id_ed25519')], client),
    berth(['lease', 'list'], { ...client, BERTH_TOKEN: WRONG_TOKEN }),
    berth(['queue', 'show', '--os-cloud', 'wrong'], { BERTH_URL: client.BERTH_URL }),
    berth(['flavor', 'list', '--os-cloud', 'credential'], { BERTH_URL: client.BERTH_URL }),
    berth(['host', 'list', '--os-cloud', 'url'], { BERTH_URL: client.BERTH_URL }),
    berth(['doctor', '--cloud', 'lent']),
    berth(['config', 'print', join(dir, 'berth.yaml')]),
    berth(['config', 'check', join(dir, 'clouds.yaml')]),
    berth(['serve', '--store', `postgresql://berth:${STORE_PASSWORD}@db.invalid/berth`]),
    berth(['serve', '--cloud', 'url', '--listen', '127.0.0.1:0', '--data', join(dir, 'other')]),
  ];
  // Whatever one of them waits for, it has said what it has to say by then.
  const patience = setTimeout(() => runs.forEach(({ kill }) => kill('SIGTERM')), COMMANDS_MS_MAX);
  await Promise.all(runs.map(({ exited }) => exited));
  clearTimeout(patience);
  const whileRunning = placesOf(server);
  server.kill('SIGTERM');
  expect(await server.exited, said()).toBe(0);
  const all = [...whileRunning, ...placesOf(server)];

  const leaks = findSecrets(all, secrets);
  const names = new Set(all.map(({ name }) => name));
  console.log(
    `${all.length} looks at ${names.size} places for ${secrets.length} secrets: ${leaks.length} leaks`,
  );
  expect(leaks).toEqual([]);
  expect(names.size).toBeGreaterThan(50);
  expect(secrets.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'token of Berth',
      'secret of a machine',
      'first token',
      'Keystone token of a caller',
    ]),
  );

  // The scan itself can fail: each secret, planted in one of the places in each encoding, is found.
  const host = all[0] ?? { name: 'none', bytes: Buffer.alloc(0) };
  const { encodingsOf } = await import('../support/secret-scan.ts');
  for (const secret of secrets) {
    for (const [encoding, bytes] of encodingsOf(secret.value)) {
      const planted = { name: 'planted', bytes: Buffer.concat([host.bytes, bytes, host.bytes]) };
      expect(findSecrets([planted], [secret]), `${secret.name}, ${encoding}`).not.toEqual([]);
    }
  }
});
