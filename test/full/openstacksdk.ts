// What openstacksdk, as Debian packages it, makes of a cloud's configuration: asked in one Python process,
// which forks for each case, since the SDK reads the environment when it is loaded.

import { execFileSync } from 'node:child_process';
import { z } from 'zod';

/** One configuration. In texts, `$ROOT` is a folder of the case's own. */
export interface CloudCase {
  readonly title: string;
  /** Paths below the case's folder, in which `home` and `work` are the home and working folders. */
  readonly files: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly cloud: string | null;
  readonly overrides: Readonly<Record<string, string>>;
}

const serviceSchema = z.object({
  interface: z.unknown(),
  region: z.string().nullable(),
  endpoint: z.string().nullable(),
  apiVersion: z.string().nullable(),
  microversion: z.string().nullable(),
  type: z.string().nullable(),
  name: z.string().nullable(),
});

const answerSchema = z.union([
  z.object({ error: z.string() }),
  z.object({
    name: z.string(),
    authType: z.string(),
    auth: z.record(z.string(), z.unknown()),
    region: z.string().nullable(),
    verify: z.union([z.boolean(), z.string()]),
    cert: z.union([z.string(), z.array(z.string()), z.null()]),
    timeout: z.unknown(),
    services: z.record(z.string(), serviceSchema),
    /** Of `POST /v3/auth/tokens`. */
    body: z.unknown(),
  }),
]);
export type SdkAnswer = z.output<typeof answerSchema>;

/** In the order of the cases. Needs the Debian package python3-openstacksdk. */
export function askOpenstackSdk(
  cases: readonly (CloudCase & { readonly root: string })[],
  services: readonly string[],
): readonly SdkAnswer[] {
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' };
  const answers = execFileSync('/usr/bin/python3', ['-W', 'ignore', '-c', PROGRAM], {
    input: JSON.stringify(cases.map((each) => ({ ...each, services }))),
    env,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return z.array(answerSchema).length(cases.length).parse(JSON.parse(answers));
}

const PROGRAM = `
import importlib, json, os, sys, warnings
import openstack.config
from keystoneauth1 import loading
from openstack.config import loader

warnings.simplefilter('ignore')
# Entry points are looked up once, not in each child.
loading.get_plugin_loader('password')


class Captured(Exception):
    pass


class FakeSession:
    def post(self, url, json=None, **kwargs):
        raise Captured(json)


def body_of(plugin):
    if hasattr(plugin, 'create_plugin'):
        plugin = plugin.create_plugin(FakeSession(), (3, 0), 'http://keystone.invalid/v3')
    try:
        plugin.get_auth_ref(FakeSession())
    except Captured as captured:
        return captured.args[0]


def service_of(region, service):
    endpoint = region._get_config('endpoint_override', service) or region._get_config('endpoint', service)
    return {
        'interface': region.get_interface(service),
        'region': region.get_region_name(service),
        'endpoint': endpoint,
        'apiVersion': region._get_config('api_version', service),
        'microversion': region._get_version_request(service, None).default_microversion,
        'type': region.get_service_type(service),
        'name': region.get_service_name(service),
    }


def resolve(case):
    os.environ.clear()
    os.environ.update(case['env'])
    os.chdir(case['root'] + '/work')
    importlib.reload(loader)
    region = loader.OpenStackConfig().get_one(case['cloud'], **case['overrides'])
    verify, cert = region.get_requests_verify_args()
    plugin = region.get_auth()
    return {
        'name': region.name,
        'authType': region.config['auth_type'],
        'auth': region.config['auth'],
        'region': region.get_region_name(),
        'verify': verify,
        'cert': cert,
        'timeout': region.config.get('api_timeout'),
        'services': {each: service_of(region, each) for each in case['services']},
        'body': body_of(plugin),
    }


def forked(case):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            answer = resolve(case)
            text = json.dumps(answer)
        except BaseException as error:
            text = json.dumps({'error': type(error).__name__ + ': ' + str(error)})
        with os.fdopen(write, 'w') as out:
            out.write(text)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answers:
        answer = json.loads(answers.read())
    os.waitpid(child, 0)
    return answer


json.dump([forked(case) for case in json.load(sys.stdin)], sys.stdout)
`;
