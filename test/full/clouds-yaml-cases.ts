// Configurations on which Berth and openstacksdk are compared: those that were found to be tricky, and any
// number made from a seed.

import { createPrng, type Prng } from '../../src/base/prng.ts';
import type { CloudCase } from './openstacksdk.ts';

const HOME_CLOUDS = 'home/.config/openstack/clouds.yaml';
const LOGIN = 'auth: { auth_url: http://ks:5000, username: u, password: p, user_domain_name: D }';

function one(title: string, clouds: string, more: Partial<CloudCase> = {}): CloudCase {
  return { title, files: { 'work/clouds.yaml': clouds }, env: {}, cloud: null, overrides: {}, ...more };
}

/** A cloud `c` with these lines beside its `auth`. */
function cloudWith(title: string, lines: string, more: Partial<CloudCase> = {}): CloudCase {
  return one(title, `clouds:\n  c:\n    ${LOGIN}\n${indented(lines)}`, more);
}

/** A cloud `c` with these lines in its `auth`, which has a URL and a password. */
function authWith(title: string, lines: string, more: Partial<CloudCase> = {}): CloudCase {
  const auth = `    auth:\n      auth_url: https://ks/\n      password: p\n${indented(lines, '      ')}`;
  return one(title, `clouds:\n  c:\n${auth}`, more);
}

function indented(lines: string, by = '    '): string {
  return lines
    .split('\n')
    .map((line) => by + line)
    .join('\n');
}

const ENV_LOGIN = {
  OS_AUTH_URL: 'http://ks:5000/v3',
  OS_USERNAME: 'u',
  OS_PASSWORD: 'p',
  OS_USER_DOMAIN_ID: 'd',
};
const TWO = `clouds:\n  a:\n    ${LOGIN}\n  b:\n    ${LOGIN}`;

export const trickyCases: readonly CloudCase[] = [
  one('the only cloud is taken', `clouds:\n  only:\n    ${LOGIN}`),
  one('of two clouds the named one', TWO, { cloud: 'b' }),
  one('of two clouds that of OS_CLOUD', TWO, { env: { OS_CLOUD: 'b' } }),
  one('the name beats OS_CLOUD', TWO, { env: { OS_CLOUD: 'b' }, cloud: 'a' }),
  one('an empty OS_CLOUD with one cloud', `clouds:\n  only:\n    ${LOGIN}`, { env: { OS_CLOUD: '' } }),
  one('a cloud that is not there', TWO, { cloud: 'aa' }),
  one('an environment beside a file', TWO, { env: ENV_LOGIN }),
  one('OS_CLOUD beside an environment: no key of the environment counts', TWO, {
    env: { ...ENV_LOGIN, OS_CLOUD: 'a', OS_USERNAME: 'other', OS_REGION_NAME: 'R' },
  }),
  one('the environment by its name, beside OS_CLOUD', TWO, {
    env: { ...ENV_LOGIN, OS_CLOUD: 'a' },
    cloud: 'envvars',
  }),
  one('the environment under another name', TWO, { env: { ...ENV_LOGIN, OS_CLOUD_NAME: 'mine' } }),
  one('the name of the environment is that of a cloud', TWO, { env: { OS_CLOUD_NAME: 'a' } }),
  one('a cloud called envvars', `clouds:\n  envvars:\n    ${LOGIN}`),
  one('selectors alone are no cloud', `clouds:\n  only:\n    ${LOGIN}`, { env: { OS_REGION_NAME: 'R' } }),
  one('test variables are no cloud', `clouds:\n  only:\n    ${LOGIN}`, {
    env: { OS_TEST_PATH: 'x', OS_STDOUT_CAPTURE: '1', OS_LOG_CAPTURE: '1' },
  }),
  one('nothing but an environment', '', {
    files: {},
    env: {
      ...ENV_LOGIN,
      OS_PROJECT_NAME: 'p',
      OS_PROJECT_DOMAIN_ID: 'd',
      OS_REGION_NAME: 'R',
      OS_INTERFACE: 'internal',
    },
  }),
  one('an environment with old names', '', {
    files: {},
    env: { ...ENV_LOGIN, OS_TENANT_NAME: 't', OS_PROJECT_DOMAIN_NAME: 'D', OS_ENDPOINT_TYPE: 'internalURL' },
  }),
  one('an environment with default_domain', '', {
    files: {},
    env: {
      OS_AUTH_URL: 'http://ks',
      OS_USERNAME: 'u',
      OS_PASSWORD: 'p',
      OS_PROJECT_NAME: 'x',
      OS_DEFAULT_DOMAIN_ID: 'd',
    },
  }),
  one('an environment with an empty variable', '', {
    files: {},
    env: { ...ENV_LOGIN, OS_PROJECT_ID: '', OS_PROJECT_NAME: 'x', OS_PROJECT_DOMAIN_ID: 'd', OS_TOKEN: '' },
  }),
  one('an environment with versions and flags', '', {
    files: {},
    env: {
      ...ENV_LOGIN,
      OS_COMPUTE_API_VERSION: '2.87',
      OS_IMAGE_API_VERSION: '2',
      OS_IDENTITY_API_VERSION: '3',
      OS_INSECURE: 'True',
    },
  }),
  one('an environment with an application credential', '', {
    files: {},
    env: {
      OS_AUTH_TYPE: 'v3applicationcredential',
      OS_AUTH_URL: 'http://ks/v3',
      OS_APPLICATION_CREDENTIAL_ID: 'i',
      OS_APPLICATION_CREDENTIAL_SECRET: 's',
      OS_REGION_NAME: 'R',
      OS_IDENTITY_API_VERSION: '3',
    },
  }),
  one('an environment with a token and a user domain', '', {
    files: {},
    env: { ...ENV_LOGIN, OS_AUTH_TYPE: 'token', OS_TOKEN: 't', OS_PROJECT_ID: 'p' },
  }),
  one('an environment with a token', '', {
    files: {},
    env: { OS_AUTH_URL: 'http://ks', OS_AUTH_TYPE: 'v3token', OS_TOKEN: 't', OS_PROJECT_ID: 'p' },
  }),
  one('an environment with a token of an old name', '', {
    files: {},
    env: { OS_AUTH_URL: 'http://ks', OS_AUTH_TYPE: 'token', OS_AUTH_TOKEN: 't', OS_PROJECT_ID: 'p' },
  }),
  one('the working folder before the home folder', `clouds:\n  here:\n    ${LOGIN}`, {
    files: {
      'work/clouds.yaml': `clouds:\n  here:\n    ${LOGIN}`,
      [HOME_CLOUDS]: `clouds:\n  home:\n    ${LOGIN}`,
    },
  }),
  one('the home folder', '', { files: { [HOME_CLOUDS]: `clouds:\n  home:\n    ${LOGIN}` } }),
  one('XDG_CONFIG_HOME before ~/.config', '', {
    files: {
      [HOME_CLOUDS]: `clouds:\n  home:\n    ${LOGIN}`,
      'xdg/openstack/clouds.yaml': `clouds:\n  xdg:\n    ${LOGIN}`,
    },
    env: { XDG_CONFIG_HOME: '$ROOT/xdg' },
  }),
  one('XDG_CONFIG_DIRS after ~/.config', '', {
    files: { 'site/openstack/clouds.yml': `clouds:\n  site:\n    ${LOGIN}` },
    env: { XDG_CONFIG_DIRS: '$ROOT/site' },
  }),
  one('yaml before yml before json', '', {
    files: {
      'work/clouds.json': '{"clouds": {"json": {}}}',
      'work/clouds.yml': `clouds:\n  yml:\n    ${LOGIN}`,
    },
  }),
  one('JSON', '', {
    files: {
      'work/clouds.json':
        '{"clouds": {"j": {"network_api_version": 2.0, "auth": {"auth_url": "http://ks", "username": "u", "user_domain_id": "d", "password": 12345678901234567890}}}}',
    },
  }),
  one('a folder in the place of the file', '', {
    files: { 'work/clouds.yaml/x': '', [HOME_CLOUDS]: `clouds:\n  home:\n    ${LOGIN}` },
  }),
  one('OS_CLIENT_CONFIG_FILE', TWO, {
    files: {
      'work/clouds.yaml': TWO,
      'else/my.json':
        '{"clouds": {"mine": {"auth": {"auth_url": "http://ks", "username": "u", "user_domain_id": "d", "password": "p"}}}}',
    },
    env: { OS_CLIENT_CONFIG_FILE: '$ROOT/else/my.json' },
  }),
  one('OS_CLIENT_CONFIG_FILE that is not there', `clouds:\n  only:\n    ${LOGIN}`, {
    env: { OS_CLIENT_CONFIG_FILE: '$ROOT/nowhere.yaml' },
  }),
  one('secure.yaml is laid over clouds.yaml', '', {
    files: {
      'work/clouds.yaml':
        'clouds:\n  c:\n    region_name: A\n    auth: { auth_url: http://ks, username: u, user_domain_id: d }',
      'home/.config/openstack/secure.yaml': 'clouds:\n  c:\n    region_name: B\n    auth: { password: s }',
    },
  }),
  one('secure.yaml alone', '', { files: { 'work/secure.yaml': `clouds:\n  c:\n    ${LOGIN}` } }),
  one('OS_CLIENT_SECURE_FILE', `clouds:\n  c:\n    ${LOGIN}`, {
    files: {
      'work/clouds.yaml': `clouds:\n  c:\n    ${LOGIN}`,
      s: 'clouds: { c: { auth: { password: other } } }',
    },
    env: { OS_CLIENT_SECURE_FILE: '$ROOT/s' },
  }),
  one('a profile of clouds-public.yaml', '', {
    files: {
      'work/clouds.yaml':
        'clouds:\n  c:\n    profile: v\n    auth: { username: u, password: p, user_domain_id: mine }\n    interface: internal',
      'work/clouds-public.yaml':
        'public-clouds:\n  v:\n    auth: { auth_url: https://v/, user_domain_id: theirs }\n    interface: admin\n    regions: [V1, V2]\n    image_api_version: 1\n    network_api_version: 3',
    },
  }),
  one('a profile by its old name', '', {
    files: {
      'work/clouds.yaml':
        'clouds:\n  c:\n    cloud: v\n    auth: { username: u, password: p, user_domain_id: d }',
      'work/clouds-public.yaml':
        'public-clouds:\n  v:\n    auth: { auth_url: https://v/ }\n    region_name: V',
    },
  }),
  one('a profile and an environment', '', {
    files: {
      'work/clouds-public.yaml':
        'public-clouds:\n  v:\n    auth: { auth_url: https://v/ }\n    interface: admin\n    secgroup_source: nova',
    },
    env: { OS_PROFILE: 'v', OS_USERNAME: 'u', OS_PASSWORD: 'p', OS_USER_DOMAIN_ID: 'd' },
  }),
  cloudWith('the first region is the default', 'regions: [A, B]'),
  cloudWith('a region by argument', 'regions: [A, B]', { overrides: { region_name: 'B' } }),
  cloudWith('a region that is not there', 'regions: [A, B]', { overrides: { region_name: 'C' } }),
  cloudWith('regions beat region_name', 'region_name: B\nregions: [A, B]'),
  cloudWith(
    'a region with values',
    'interface: public\nregions:\n  - name: A\n    values: { interface: internal, auth: { username: regional }, compute-endpoint: http://a }\n  - B',
  ),
  cloudWith(
    'the second region has no values',
    'regions:\n  - { name: A, values: { interface: internal } }\n  - { name: B }',
    {
      overrides: { region_name: 'B' },
    },
  ),
  cloudWith('a region with another key', 'regions:\n  - { name: A, vals: {} }'),
  cloudWith('regions that are numbers', 'regions: [1, 2]'),
  cloudWith('region_name is a comma list', 'region_name: A,B'),
  cloudWith('region_name is a list', 'region_name: [A, B]', { overrides: { region_name: 'B' } }),
  cloudWith('region_name is another than the argument', 'region_name: A', {
    overrides: { region_name: 'B' },
  }),
  cloudWith('a region by argument where the cloud has none', 'interface: admin', {
    overrides: { region_name: 'R' },
  }),
  cloudWith(
    'placeholders',
    'region_name: R\ncompute_endpoint_override: "http://{region_name}.nova/{{x}}"\ncacert: "/ca/{region_name}.pem"',
  ),
  one(
    'a placeholder in auth_url',
    'clouds:\n  c:\n    region_name: R\n    auth: { auth_url: "https://{region_name}.ks/v3", username: "{u}", password: "{p", user_domain_id: d }',
  ),
  one(
    'an unknown placeholder in auth_url',
    'clouds:\n  c:\n    auth: { auth_url: "https://{nothing}/v3", username: u, password: p, user_domain_id: d }',
  ),
  cloudWith('a lone brace', 'cacert: "/a{b"'),
  cloudWith(
    'dashes',
    'region-name: R\ncompute-api-version: 2.53\nnetwork-endpoint-override: http://n\nuser-domain-id: other',
  ),
  authWith('dashes in auth', 'user-name: u\nuser-domain-name: D\nproject-name: x\nproject-domain-name: E'),
  authWith('tenants', 'username: u\nuser_domain_id: d\ntenant_name: t\nproject_domain_id: e'),
  authWith(
    'a tenant and a project',
    'username: u\nuser_domain_id: d\ntenant_name: t\nproject_name: x\nproject_domain_id: e',
  ),
  cloudWith('a tenant outside of auth', 'tenant_id: t1\nproject_domain_name: E'),
  cloudWith(
    'a project inside and outside',
    'project_name: outside\nproject_domain_name: E\nuser_domain_name: outside',
  ),
  authWith('one domain for both', 'username: u\nproject_name: x\ndomain_id: d'),
  authWith(
    'one domain by name, the user has one',
    'username: u\nuser_domain_name: U\nproject_name: x\ndomain_name: d',
  ),
  authWith(
    'one domain for a user of another by name',
    'username: u\nuser_domain_name: U\nproject_id: x\ndomain_id: d',
  ),
  authWith('a domain as the scope', 'username: u\nuser_domain_id: d\ndomain_name: E'),
  cloudWith('a domain as the scope, outside of auth', 'domain_id: e'),
  authWith('a domain and a trust', 'username: u\nuser_domain_id: d\ndomain_id: e\ntrust_id: t'),
  authWith('a project and a trust', 'username: u\nuser_domain_id: d\nproject_id: e\ntrust_id: t'),
  authWith('a trust', 'user_id: u\ntrust_id: t'),
  authWith('the system', 'user_id: u\nsystem_scope: all'),
  cloudWith('the system outside of auth', 'system_scope: all'),
  authWith(
    'a user by id and name',
    'user_id: i\nusername: u\nuser_domain_id: d\nproject_id: x\nproject_name: y\nproject_domain_id: e',
  ),
  authWith('default domains', 'username: u\nproject_name: x\ndefault_domain_name: D'),
  authWith(
    'default domain by id, user domain by name',
    'username: u\nuser_domain_name: U\nproject_name: x\nproject_domain_id: e\ndefault_domain_id: D',
  ),
  authWith('numbers', 'username: 17\nuser_domain_id: 010\nproject_id: 1_000\nproject_domain_name: 1.50'),
  authWith(
    'more numbers',
    'username: 0x1F\nuser_domain_id: 12:30\nproject_id: 12e3\nproject_domain_name: -0',
  ),
  authWith(
    'dates and times are text',
    "username: 10.0.0.1\nuser_domain_id: 'yes'\nproject_id: y\nproject_domain_name: 1e3",
  ),
  authWith('versions of clouds', 'username: 2.0\nuser_domain_id: 2.10\nproject_id: 0o17'),
  authWith('a letter beside the password', 'username: u\nuser_domain_id: d\npasword: q'),
  authWith('a key of another way to log in', 'username: u\nuser_domain_id: d\napplication_credential_id: i'),
  one(
    'merge keys and anchors',
    `base: &b\n  ${LOGIN}\n  region_name: R\nclouds:\n  c:\n    <<: *b\n    interface: internal`,
  ),
  one('a key that is there twice', `clouds:\n  c:\n    ${LOGIN}\n    region_name: A\n    region_name: B`),
  one('no YAML', 'clouds: [\n'),
  one('a list', '- clouds'),
  one('an empty file', ''),
  one('clouds is a text', 'clouds: x'),
  cloudWith('v3password', 'auth_type: v3password\nproject_id: x'),
  cloudWith('an unknown way to log in', 'auth_type: v3pasword'),
  one(
    'an application credential',
    'clouds:\n  c:\n    auth_type: v3applicationcredential\n    auth: { auth_url: http://ks/v3/, application_credential_id: i, application_credential_secret: s }',
  ),
  one(
    'an application credential by name',
    'clouds:\n  c:\n    auth_type: v3applicationcredential\n    auth: { auth_url: http://ks, application_credential_name: n, application_credential_secret: s, username: u, user_domain_name: D }',
  ),
  one(
    'an application credential by name and user id',
    'clouds:\n  c:\n    auth_type: v3applicationcredential\n    application_credential_secret: s\n    auth: { auth_url: http://ks, application_credential_name: n, user_id: u }',
  ),
  one(
    'an application credential without its secret',
    'clouds:\n  c:\n    auth_type: v3applicationcredential\n    auth: { auth_url: http://ks, application_credential_id: i }',
  ),
  one(
    'an application credential with a password',
    'clouds:\n  c:\n    auth_type: v3applicationcredential\n    auth: { auth_url: http://ks, application_credential_id: i, application_credential_secret: s, password: p }',
  ),
  one(
    'a token',
    'clouds:\n  c:\n    auth_type: token\n    auth: { auth_url: http://ks, token: t, project_name: x, project_domain_id: d }',
  ),
  one(
    'a token with its old name outside of auth',
    'clouds:\n  c:\n    auth_type: v3token\n    auth_token: t\n    auth: { auth_url: http://ks, domain_id: d }',
  ),
  cloudWith('a token and a password', 'token: t'),
  one('no auth_url', 'clouds:\n  c:\n    auth: { username: u, password: p, user_domain_id: d }'),
  one(
    'all beside auth',
    'clouds:\n  c:\n    auth_url: http://ks\n    username: u\n    password: p\n    user_domain_id: d\n    project_id: x',
  ),
  cloudWith('endpoint_type', 'interface: admin\nendpoint_type: internalURL\ncompute_endpoint_type: public'),
  cloudWith(
    'services',
    'region_name: R\nnetwork_interface: internal\nimage_region_name: I\nplacement_endpoint: http://p\ncompute_service_type: compute_legacy\ncompute_service_name: nova',
  ),
  cloudWith('an empty region for a service', 'region_name: R\nimage_region_name: ""'),
  cloudWith('override before endpoint', 'compute_endpoint: http://a\ncompute_endpoint_override: http://b'),
  cloudWith(
    'versions',
    'compute_api_version: "2.60"\nnetwork_api_version: 2.0\nimage_api_version: 2\nplacement_default_microversion: 1.30',
  ),
  cloudWith('a version as a number loses its zero', 'compute_api_version: 2.60'),
  cloudWith('contradicting versions', 'compute_api_version: "2.60"\ncompute_default_microversion: "2.61"'),
  cloudWith('a version that is a word', 'compute_api_version: latest'),
  cloudWith('verify is no', 'verify: no'),
  cloudWith('insecure beats verify', 'verify: true\ninsecure: "TRUE"\ncacert: /ca.pem'),
  cloudWith('a CA below the home folder', 'cacert: ~/ca.pem'),
  cloudWith('a client certificate', 'cert: ~/c.pem\nkey: /k.pem'),
  cloudWith('a client certificate with its key', 'cert: /both.pem'),
  cloudWith('a time-out', 'api_timeout: 10'),
  cloudWith('a time-out with a fraction', 'api_timeout: 2.5'),
  cloudWith('a time-out of a service', 'api_timeout: 10\ncompute_timeout: 20'),
  cloudWith(
    'keys of its own',
    'networks: [{ name: n }]\nfloating_ip_source: nova\ndns_api_version: 2\nhas_object_store: false',
  ),
];

/** The same seed gives the same cases. */
export function randomCases(seed: number, count: number): readonly CloudCase[] {
  const prng = createPrng(seed);
  return Array.from({ length: count }, (_, index) => randomCase(prng, `random ${seed}/${index}`));
}

type Json = string | number | boolean | Json[] | { readonly [key: string]: Json };
type Keys = Readonly<Record<string, Json>>;

function randomCase(prng: Prng, title: string): CloudCase {
  const names = prng.chance(0.7) ? ['c'] : ['c', 'other'];
  const clouds = Object.fromEntries(names.map((name) => [name, randomCloud(prng)]));
  const secure = { clouds: { c: { auth: { password: 'secure' }, ...some(prng, 0.2, beside(prng)) } } };
  const vendors = {
    'public-clouds': { vendor: { auth: { auth_url: 'https://vendor/' }, ...some(prng, 0.4, beside(prng)) } },
  };
  const suffix = prng.pick(['.yaml', '.yml', '.json']);
  const place = prng.pick(['work', 'home/.config/openstack', 'xdg/openstack']);
  return {
    title,
    files: {
      ...(prng.chance(0.9) && { [`${place}/clouds${suffix}`]: JSON.stringify({ clouds }, null, 1) }),
      ...(prng.chance(0.3) && { [`${place}/secure.yaml`]: JSON.stringify(secure) }),
      'work/clouds-public.yaml': JSON.stringify(vendors),
    },
    env: {
      ...(prng.chance(0.3) && randomEnv(prng)),
      ...(prng.chance(0.3) && { OS_CLOUD: prng.pick(['c', 'other', 'nowhere', '']) }),
      XDG_CONFIG_HOME: '$ROOT/xdg',
    },
    cloud: prng.pick([null, null, 'c', 'envvars']),
    overrides: prng.chance(0.2) ? { region_name: prng.pick(['A', 'B', 'C']) } : {},
  };
}

function randomCloud(prng: Prng): Keys {
  const auth = randomAuth(prng);
  const outside = Object.entries(auth).filter(() => prng.chance(0.1));
  return {
    ...(prng.chance(0.1) && { profile: 'vendor' }),
    auth: spelled(prng, auth),
    ...Object.fromEntries(outside),
    ...some(prng, 0.25, beside(prng)),
  };
}

function randomAuth(prng: Prng): Keys {
  return {
    auth_url: prng.pick(['http://ks:5000', 'https://ks/v3', 'https://ks/identity/v3/']),
    password: prng.pick(['p', '{brace', 7, 'ä ö']),
    ...(prng.chance(0.2) ? { user_id: 'u1' } : { username: 'u', user_domain_name: 'U' }),
    ...some(prng, 0.3, {
      user_domain_id: 'ud',
      tenant_id: 't1',
      tenant_name: 'tn',
      project_id: 'p1',
      domain_id: 'di',
      domain_name: 'dn',
      trust_id: 't',
      default_domain_id: 'dd',
    }),
    ...(prng.chance(0.5) && { project_name: 'pn', project_domain_name: 'pd' }),
  };
}

function beside(prng: Prng): Keys {
  const interfaces = ['public', 'internal', 'admin', 'publicURL', 'internalURL'];
  return {
    region_name: prng.pick(['A', 'B', 'A,B']),
    regions: prng.pick<Json>([
      ['A', 'B'],
      [{ name: 'A', values: { interface: 'admin', auth: { project_name: 'regional' } } }, 'B'],
      [{ name: 'B', values: { compute_api_version: '2.9', 'network-endpoint': 'http://n' } }],
    ]),
    interface: prng.pick(interfaces),
    endpoint_type: prng.pick(interfaces),
    network_interface: prng.pick(interfaces),
    image_region_name: 'I',
    compute_api_version: prng.pick<Json>([2, 2.1, '2.87', '2.0', 'latest']),
    placement_default_microversion: '1.30',
    'compute-endpoint-override': 'http://nova.{auth_type}/',
    image_endpoint: 'http://glance',
    identity_service_name: 'ks',
    verify: prng.chance(0.5),
    insecure: prng.pick<Json>([true, false, 'true', 'False']),
    cacert: prng.pick(['/ca.pem', '~/ca.pem']),
    cert: '/cert.pem',
    key: '~/key.pem',
    api_timeout: prng.pick([0, 5, 30]),
    network_timeout: 9,
    auth_type: prng.pick(['password', 'v3password', 'token']),
    project_id: 'beside',
    user_domain_name: 'beside',
  };
}

function randomEnv(prng: Prng): Readonly<Record<string, string>> {
  const keys = { ...randomAuth(prng), ...some(prng, 0.2, beside(prng)) };
  const plain = Object.entries(keys).flatMap(([key, value]): (readonly [string, string])[] =>
    typeof value === 'string' && !key.includes('-') ? [[`OS_${key.toUpperCase()}`, value]] : [],
  );
  return Object.fromEntries(plain);
}

function some(prng: Prng, chance: number, keys: Keys): Keys {
  return Object.fromEntries(Object.entries(keys).filter(() => prng.chance(chance)));
}

/**
 * Some keys with dashes. Not one that a region may have too: Berth takes both spellings for one key before it
 * lays the layers on each other, the SDK only afterwards, so that there the spelling decides who wins.
 */
function spelled(prng: Prng, keys: Keys): Keys {
  const entries = Object.entries(keys).map(([key, value]) => [
    key !== 'project_name' && prng.chance(0.15) ? key.replaceAll('_', '-') : key,
    value,
  ]);
  return Object.fromEntries(entries) as Keys;
}
