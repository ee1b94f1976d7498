// What openstacksdk itself makes of such configurations is compared in test/full/clouds-yaml.test.ts.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Credentials } from '../credentials.ts';
import { problemText } from './problem.ts';
import { parseLikePython } from './pyyaml.ts';
import type { CloudFile } from './read-files.ts';
import { resolveCloud, type CloudLogin } from './resolve-cloud.ts';
import { isSettings, type Env, type Settings } from './settings.ts';

interface Given {
  readonly clouds?: string;
  readonly secure?: string;
  readonly vendors?: string;
  readonly env?: Env;
  readonly name?: string;
  readonly overrides?: Settings;
}

const AUTH = 'auth: { auth_url: http://ks:5000, username: u, password: hunter2, project_id: p }';
const CREDENTIAL = 'auth_url: http://ks, application_credential_secret: hunter2';
const ENV: Env = { OS_AUTH_URL: 'http://ks', OS_USERNAME: 'u', OS_PASSWORD: 'hunter2', OS_PROJECT_ID: 'p' };
const DEFAULT = { id: 'default' };
const USER = { name: 'u', domain: DEFAULT };

test('all that a login consists of', () => {
  expect(resolve({ clouds: one(AUTH) })).toEqual({
    name: 'c',
    authUrl: 'http://ks:5000/v3',
    credentials: {
      kind: 'password',
      user: USER,
      password: 'hunter2',
      scope: { kind: 'project', project: { id: 'p' } },
    },
    region: null,
    interfaces: ['public'],
    services: {},
    endpointOverrides: {},
    tls: { verify: true, caPath: null, certPath: null, keyPath: null },
    callTimeoutMs: null,
    warnings: [],
  });
});

describe('which cloud', () => {
  const TWO = `clouds: { a: { ${AUTH} }, b: { ${AUTH} } }`;
  test.each<[string, Given, string]>([
    ['the only one', { clouds: one(AUTH) }, 'c'],
    ['by name before OS_CLOUD', { clouds: TWO, name: 'a', env: { OS_CLOUD: 'b' } }, 'a'],
    ['OS_CLOUD before the environment', { clouds: TWO, env: { ...ENV, OS_CLOUD: 'b' } }, 'b'],
    ['the environment before the file', { clouds: one(AUTH), env: ENV }, 'envvars'],
    ['the environment under another name', { env: { ...ENV, OS_CLOUD_NAME: 'mine' } }, 'mine'],
    ['selectors make no cloud', { clouds: one(AUTH), env: { OS_REGION_NAME: 'R', OS_TEST_X: '1' } }, 'c'],
  ])('%s', (_title, given, name) => {
    expect(resolve(given)).toMatchObject({ name });
  });

  test.each<[string, Given, string]>([
    ['several', { clouds: TWO }, 'clouds.yaml: has the clouds a, b: say which by name or with OS_CLOUD'],
    [
      'a slip',
      { clouds: `clouds: { production: {} }`, env: { OS_CLOUD: 'prodcution' } },
      "OS_CLOUD: clouds.yaml has no cloud 'prodcution'; it has production; did you mean 'production'?",
    ],
    [
      'nothing at all',
      {},
      'no cloud is configured: no OS_* variable is set, and none of these files exists: clouds.yaml',
    ],
    ['no file', { name: 'x' }, "no clouds.yaml to find 'x' in (looked for clouds.yaml)"],
    ['an empty file', { clouds: '' }, "clouds.yaml: has no cloud under 'clouds'"],
    ['no map', { clouds: 'clouds: [a]' }, "clouds.yaml: 'clouds' must be a map of names to clouds"],
    ['a cloud that is no map', { clouds: 'clouds: { c: x }' }, 'clouds.yaml: clouds.c: is not a map'],
    [
      'one called as the environment is',
      { clouds: `clouds: { envvars: {} }` },
      "clouds.yaml: clouds.envvars: 'envvars' is the name of the cloud that OS_* variables describe; rename this one",
    ],
  ])('none: %s', (_title, given, text) => {
    expect(problems(given)).toEqual([text]);
  });
});

describe('layers', () => {
  const vendors = 'public-clouds: { v: { auth: { auth_url: https://v }, regions: [V], interface: admin } }';
  test.each<[string, Given, Partial<CloudLogin>]>([
    [
      'secure.yaml wins',
      { clouds: one(`${AUTH}, region_name: A`), secure: one('region_name: B') },
      { region: 'B' },
    ],
    [
      'a profile lies below the cloud',
      { clouds: one('profile: v, interface: internal, auth: { username: u, password: p }'), vendors },
      { authUrl: 'https://v/v3', region: 'V', interfaces: ['internal'] },
    ],
    [
      'a region lies above it',
      {
        clouds: one(`${AUTH}, interface: admin, regions: [{ name: A, values: { interface: internal } }, B]`),
      },
      { region: 'A', interfaces: ['internal'] },
    ],
    [
      'an argument above all',
      {
        clouds: one(`${AUTH}, regions: [A, { name: B, values: { interface: admin } }]`),
        overrides: { region_name: 'B', interface: 'public' },
      },
      { region: 'B', interfaces: ['public'] },
    ],
    [
      'the environment beats its profile',
      { env: { ...ENV, OS_PROFILE: 'v' }, vendors },
      { interfaces: ['public'] },
    ],
  ])('%s', (_title, given, login) => {
    expect(resolve(given)).toMatchObject(login);
  });

  test.each<[string, Given, RegExp]>([
    [
      'an unknown region',
      { clouds: one(`${AUTH}, regions: [East, West]`), overrides: { region_name: 'Wset' } },
      /^clouds\.yaml: clouds\.c: has no region 'Wset'; it has East, West; did you mean 'West'\?$/,
    ],
    [
      'a region of another shape',
      { clouds: one(`${AUTH}, regions: [{ name: A, vals: {} }]`) },
      /clouds\.c\.regions\.0: must be a name, or a map/,
    ],
    [
      'regions that are no list',
      { clouds: one(`${AUTH}, regions: A`) },
      /clouds\.c\.regions: must be a list/,
    ],
    [
      'a profile of the SDK',
      { clouds: one('profile: ovh') },
      /clouds\.c\.profile: profile 'ovh': there is no clouds-public\.yaml; Berth has no built-in profiles and fetches none: write auth_url/,
    ],
    [
      'a slip in a profile',
      { clouds: one('profile: vendr'), vendors: 'public-clouds: { vendor: {} }' },
      /clouds-public\.yaml does not have it; did you mean 'vendor'\?/,
    ],
    ['auth is no map', { clouds: one('auth: x') }, /clouds\.c\.auth: must be a map/],
  ])('problem: %s', (_title, given, text) => {
    expect(problems(given)).toEqual([expect.stringMatching(text)]);
  });
});

describe('login', () => {
  test.each<[string, string, Partial<Credentials> | { readonly [key: string]: unknown }]>([
    [
      'tenants',
      'auth: { auth_url: http://ks, user_id: u, password: 7, tenant_name: t }',
      {
        password: '7',
        user: { id: 'u' },
        scope: { kind: 'project', project: { name: 't', domain: DEFAULT } },
      },
    ],
    [
      'one domain for both',
      'auth: { auth_url: http://ks, username: u, password: p, project_name: x, domain_name: D }',
      {
        user: { name: 'u', domain: { name: 'D' } },
        scope: { kind: 'project', project: { name: 'x', domain: { name: 'D' } } },
      },
    ],
    [
      'a domain',
      'auth: { auth_url: http://ks, username: u, password: p, domain_name: D, default_domain_id: e }',
      { user: { name: 'u', domain: { id: 'e' } }, scope: { kind: 'domain', domain: { name: 'D' } } },
    ],
    [
      'a domain by id',
      'auth: { auth_url: http://ks, user_id: u, password: p, domain_id: d }',
      { scope: { kind: 'domain', domain: { id: 'd' } } },
    ],
    [
      'a trust',
      'auth: { auth_url: http://ks, user_id: u, password: p, trust_id: t }',
      { scope: { kind: 'trust', trustId: 't' } },
    ],
    [
      'the system',
      'auth: { auth_url: http://ks, user_id: u, password: p, system_scope: all }',
      { scope: { kind: 'system' } },
    ],
    ['no scope', 'auth: { auth_url: http://ks, user_id: u, password: p }', { scope: { kind: 'default' } }],
    [
      'beside auth',
      'auth_url: http://ks, user_id: u, password: p, project_id: x',
      { scope: { kind: 'project', project: { id: 'x' } } },
    ],
    [
      'an application credential',
      `auth_type: v3applicationcredential, auth: { ${CREDENTIAL}, application_credential_id: i }`,
      { kind: 'applicationCredential', credential: { id: 'i' }, secret: 'hunter2' },
    ],
    [
      'one by name',
      `auth_type: v3applicationcredential, auth: { ${CREDENTIAL}, application_credential_name: n, username: u }`,
      { credential: { name: 'n', user: USER } },
    ],
    [
      'the old word for auth_type',
      `auth_plugin: v3applicationcredential, auth: { ${CREDENTIAL}, application_credential_id: i }`,
      { kind: 'applicationCredential' },
    ],
    [
      'a token',
      'auth_type: token, auth: { auth_url: http://ks, auth_token: t, project_id: x }',
      { kind: 'token', token: 't', scope: { kind: 'project', project: { id: 'x' } } },
    ],
  ])('%s', (_title, lines, credentials) => {
    expect(resolve({ clouds: one(lines) })).toMatchObject({ credentials });
  });

  test.each<[string, string, readonly RegExp[]]>([
    [
      'nothing',
      'auth: {}',
      [
        /auth\.password: is missing/,
        /auth\.username: is missing \(or user_id\)/,
        /auth\.auth_url: is missing/,
      ],
    ],
    [
      'two scopes',
      'auth: { auth_url: http://ks, user_id: u, password: p, project_id: x, system_scope: all }',
      [/c\.auth: a token is for one of these: project \(project_id\) and system \(system_scope\)/],
    ],
    [
      'another system',
      'auth: { auth_url: http://ks, user_id: u, password: p, system_scope: some }',
      [/system_scope: must be 'all'/],
    ],
    [
      'a scope for an application credential',
      `auth_type: v3applicationcredential, auth: { ${CREDENTIAL}, application_credential_id: i, project_name: x }`,
      [/auth\.project_name: must not be set: an application credential is for one project/],
    ],
    [
      'whose application credential',
      `auth_type: v3applicationcredential, auth: { ${CREDENTIAL}, application_credential_name: n }`,
      [/auth\.username: is missing \(or user_id\): names/],
    ],
    [
      'which application credential',
      `auth_type: v3applicationcredential, auth: { ${CREDENTIAL} }`,
      [/auth\.application_credential_id: is missing/],
    ],
    [
      'a key of another type',
      `auth: { auth_url: http://ks, username: u, password: p, application_credential_id: i }`,
      [
        /auth\.application_credential_id: is not read with auth_type password: remove it, or set auth_type: v3applicationcredential/,
      ],
    ],
    [
      'a slip in auth',
      'auth: { auth_url: http://ks, username: u, pasword: hunter2 }',
      [/auth\.pasword: is no key of auth; did you mean 'password'\?/],
    ],
    [
      'a slip beside it',
      `${AUTH}, regoin_name: R`,
      [/c\.regoin_name: is no key of a cloud; did you mean 'region_name'\?/],
    ],
    [
      'a type of Keystone that we have not',
      `${AUTH}, auth_type: v3kerberos`,
      [
        /auth_type 'v3kerberos' is not supported; use password, v3password, token, v3token, v3applicationcredential$/,
      ],
    ],
    ['a slip in the type', `${AUTH}, auth_type: v3passwrd`, [/did you mean 'v3password'\?/]],
    ['no Keystone', `auth_type: none, auth: { endpoint: http://x }`, [/auth_type 'none' is not supported/]],
    [
      'a password that is no text',
      'auth: { auth_url: http://ks, user_id: u, password: yes }',
      [/auth\.password: must be a text: put it in quotes/],
    ],
    [
      'a URL of another kind',
      'auth: { auth_url: ks:5000, user_id: u, password: p }',
      [/auth_url: must be a URL/],
    ],
    [
      'a URL with a password',
      'auth: { auth_url: "http://u:hunter2@ks", user_id: u, password: p }',
      [/auth_url: must be a URL .* without a password/],
    ],
    [
      'Keystone v2',
      'auth: { auth_url: "http://ks/v2.0/", user_id: u, password: p }',
      [/auth_url: is that of Keystone v2.0, which is gone: end it with \/v3/],
    ],
    [
      'a placeholder',
      'auth: { auth_url: "http://{regoin}/", user_id: u, password: p }',
      [/auth_url: the placeholder \{regoin\} stands for nothing/],
    ],
    ['half a placeholder', `${AUTH}, cacert: "/a{b"`, [/c\.cacert: a single '\{' is/]],
  ])('problem: %s', (_title, lines, texts) => {
    expect(problems({ clouds: one(lines) })).toEqual(texts.map((text) => expect.stringMatching(text)));
  });

  test('a problem of the environment names the variable, and what may be a slip', () => {
    expect(problems({ env: { ...ENV, OS_PASSWORD: undefined, OS_PASWORD: 'hunter2' } })).toEqual([
      'OS_PASSWORD: is missing',
      "OS_PASWORD: is no key of a cloud; did you mean 'password'?",
    ]);
  });
});

describe('services and transport', () => {
  test.each<[string, string, Partial<CloudLogin>]>([
    [
      'services',
      'network_interface: internalURL, image_region_name: I, compute_service_name: nova, has_placement: false',
      {
        services: {
          network: { interfaces: ['internal'] },
          image: { region: 'I' },
          compute: { name: 'nova' },
          placement: { disabled: true },
        },
      },
    ],
    ['interfaces in order', 'interface: [internal, public]', { interfaces: ['internal', 'public'] }],
    ['the old word for an interface', 'endpoint_type: adminURL', { interfaces: ['admin'] }],
    [
      'overrides',
      'region_name: R, compute_endpoint_override: "http://{region_name}", network-endpoint: http://n',
      { endpointOverrides: { compute: 'http://R', network: 'http://n' } },
    ],
    [
      'versions',
      'compute_api_version: "2.60", image_api_version: 2, network_api_version: 2.0, placement_default_microversion: 1.30',
      { services: { compute: { microversion: '2.60' }, placement: { microversion: '1.3' } } },
    ],
    [
      'no verifying',
      'insecure: "True", cacert: /ca.pem',
      {
        tls: { verify: false, caPath: null, certPath: null, keyPath: null },
        warnings: ['clouds.yaml: clouds.c.cacert: is not used, since verify is false or insecure is true'],
      },
    ],
    [
      'files of TLS',
      'cacert: ~/ca.pem, cert: /c.pem, key: ~/k.pem',
      { tls: { verify: true, caPath: '/home/me/ca.pem', certPath: '/c.pem', keyPath: '/home/me/k.pem' } },
    ],
    [
      'a key without its certificate',
      'key: /k.pem',
      {
        tls: { verify: true, caPath: null, certPath: null, keyPath: null },
        warnings: ['clouds.yaml: clouds.c.key: is not used, since there is no cert'],
      },
    ],
    ['a time-out', 'api_timeout: 2.5', { callTimeoutMs: 2500 }],
    ['the time-out of a service', 'api_timeout: 10, compute_timeout: 20', { callTimeoutMs: 20_000 }],
    ['no time-out', 'api_timeout: 0', { callTimeoutMs: null }],
  ])('%s', (_title, lines, login) => {
    expect(resolve({ clouds: one(`${AUTH}, ${lines}`), env: { HOME: '/home/me' } })).toMatchObject(login);
  });

  test.each<[string, string]>([
    ['interface: pubic', "interface: must be an interface: public, internal, admin; did you mean 'public'?"],
    ['insecure: maybe', 'insecure: must be true or false'],
    ['api_timeout: soon', 'api_timeout: must be seconds, from 0 to 3600'],
    ['compute_endpoint: nova', 'compute_endpoint: must be a URL that begins with http:// or https://'],
    [
      'compute_api_version: "2.60", compute_default_microversion: "2.61"',
      'compute_default_microversion: contradicts compute_api_version 2.60, which is a microversion too',
    ],
    ['region_name: { a: 1 }', 'region_name: must be a text'],
  ])('problem: %s', (lines, text) => {
    expect(problems({ clouds: one(`${AUTH}, ${lines}`) })).toEqual([`clouds.yaml: clouds.c.${text}`]);
  });
});

test('whatever is wrong, no secret stands in a problem', () => {
  const keys = ['password', 'token', 'auth_token', 'application_credential_secret', 'passcode', 'pasword'];
  const types = ['password', 'token', 'v3token', 'v3applicationcredential', 'none', 'other'];
  const junk = fc.constantFrom('hunter2', 'http://x', 'all', '', true, null, 'hunter2{');
  const auth = fc.dictionary(
    fc.constantFrom(...keys, 'auth_url', 'username', 'project_id', 'trust_id'),
    junk,
  );
  fc.assert(
    fc.property(auth, auth, fc.constantFrom(...types), fc.boolean(), (inside, beside, type, isInEnv) => {
      const cloud = { ...beside, auth: { ...inside, auth_url: 'x' }, auth_type: type };
      const env = Object.entries({ ...inside, ...beside }).map(([key, value]) => [
        `OS_${key.toUpperCase()}`,
        String(value),
      ]);
      const given = isInEnv
        ? { env: Object.fromEntries([...env, ['OS_AUTH_URL', 'x']]) as Env }
        : { clouds: JSON.stringify({ clouds: { c: cloud } }) };
      const texts = problems(given);
      expect(texts).not.toEqual([]);
      expect(texts.join('\n')).not.toContain('hunter2');
    }),
  );
});

function one(lines: string): string {
  return `clouds: { c: { ${lines} } }`;
}

function run(given: Given): ReturnType<typeof resolveCloud> {
  const { clouds, secure, vendors, env = {}, name = null, overrides = {} } = given;
  const files = {
    clouds: fileOf('clouds.yaml', clouds),
    secure: fileOf('secure.yaml', secure),
    vendors: fileOf('clouds-public.yaml', vendors),
    searched: ['clouds.yaml'],
    unread: [],
  };
  return resolveCloud({ files, env, name, overrides });
}

function resolve(given: Given): CloudLogin {
  const resolved = run(given);
  if (resolved.ok) return resolved.value;
  throw new Error(resolved.error.map(problemText).join('\n'));
}

function problems(given: Given): readonly string[] {
  const resolved = run(given);
  return resolved.ok ? [] : resolved.error.map(problemText);
}

function fileOf(path: string, text: string | undefined): CloudFile | null {
  if (text === undefined) return null;
  const parsed = parseLikePython(text, 'yaml');
  if (!parsed.ok) throw new Error(parsed.error);
  return { path, content: isSettings(parsed.value) ? parsed.value : {} };
}
