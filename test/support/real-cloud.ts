/**
 * A real OpenStack (dev/openstack) with guests that answer SSH, for tests: beside the one that a developer
 * may have running, with a state folder, ports and networks of its own. One test file uses it at a time, from
 * `startRealCloud` to `release`, since all count the same GPUs and inject the same faults. It stays up for
 * the next one; `down` ends it.
 */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

const SCRIPTS = fileURLToPath(new URL('../../dev/openstack/', import.meta.url));
export const TEST_CLOUD_STATE = '/tmp/berth-test-openstack';
const PORT_OFFSET = '1000';
/** TEST-NET-2 and other private networks: the default topology's may be on this machine already. */
const NETWORKS = { public: '198.51.100', private: '10.11' };

/** For hooks that start the cloud: they wait for the test files that use it before, besides. */
export const REAL_CLOUD_START_MS_MAX = 1_200_000;
/**
 * A bare machine with two cores takes 130 s, 85 of them for packages; four times as much is a machine at
 * which something hangs.
 */
const UP_MS_MAX = 520_000;
/** The openstack command needs 2 s of processor time before it asks anything. */
const COMMAND_MS_MAX = 60_000;
const OUTPUT_BYTES_MAX = 16 << 20;

/** One of keystone, nova, placement, glance, neutron, or nova-compute@HOST. */
export type FaultyService = string;

/** plugins/gpucloud/faults.py: rules of an API in a list, those of a hypervisor by operation. */
export type FaultRules =
  | readonly {
      readonly method?: string;
      /** A regular expression on path and query. */
      readonly path?: string;
      /** Seconds. */
      readonly delay?: number;
      readonly status?: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly times?: number;
    }[]
  | Readonly<Record<string, { readonly delay?: number; readonly error?: string; readonly times?: number }>>;

const loginSchema = z.object({
  region_name: z.string(),
  auth: z.object({
    auth_url: z.string(),
    username: z.string(),
    password: z.string(),
    project_name: z.string(),
    user_domain_name: z.string(),
    project_domain_name: z.string(),
  }),
});
const cloudsSchema = z.object({ clouds: z.record(z.string(), loginSchema) });

/** An entry of clouds.yaml, as it is written there. */
export type RealCloudLogin = z.output<typeof loginSchema>;

export interface RealCloud {
  /** Path of a clouds.yaml that knows `admin`, `demo`, `lab2` and `cyborg`. */
  readonly cloudsYaml: string;
  /** Throws for a name that clouds.yaml does not know. */
  cloud(name: string): RealCloudLogin;
  /** What the openstack command prints (JSON with `-f json` among the arguments). Rejects when it fails. */
  openstack(cloudName: string, ...args: readonly string[]): Promise<string>;
  /** How long servers that boot from now on take from ACTIVE until SSH answers. */
  setBootDelay(seconds: number): Promise<void>;
  /** In force at once and until cleared; replaces the service's earlier rules. */
  faults(service: FaultyService, rules: FaultRules): Promise<void>;
  clearFaults(): Promise<void>;
  /** Ends all faults and lets the next test file have the cloud. */
  release(): Promise<void>;
  /** Stops it; its data stay for the next start. */
  down(): Promise<void>;
}

/** Why this machine cannot run the cloud; null: it can. */
export function whyNoRealCloud(): string | null {
  const absence = process.env['BERTH_NO_OPENSTACK'];
  if (absence !== undefined) return `needs packages that cannot be installed here: ${absence}`;
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root, for packages, addresses and namespaces';
  if (!/^VERSION_CODENAME=bookworm$/m.test(readFileSync('/etc/os-release', 'utf8'))) {
    return 'needs Debian 12 (bookworm), whose OpenStack is Zed';
  }
  const namespaces = ['--uts', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'true'];
  if (spawnSync('/usr/bin/unshare', namespaces).status !== 0)
    return 'needs namespaces, which this machine refuses';
  return null;
}

/**
 * Waits for its turn, installs what is missing, starts what does not run (4 s when all does), and ends all
 * faults. With BERTH_TEST_OPENSTACK (a state folder) it uses that cloud instead of its own. Rejects with the
 * end of what the scripts said.
 */
export async function startRealCloud(): Promise<RealCloud> {
  const reason = whyNoRealCloud();
  if (reason !== null) throw new Error(`no real OpenStack here: it ${reason}`);
  const given = process.env['BERTH_TEST_OPENSTACK'];
  const state = given ?? TEST_CLOUD_STATE;
  const settings = given === undefined ? ownSettings() : {};
  const env = { ...withoutCloudNames(process.env), ...settings, OPENSTACK_STATE: state };
  const script = (name: string, args: readonly string[], limitMs: number): Promise<string> =>
    run(join(SCRIPTS, name), args, env, limitMs);

  const leave = await enter(state);
  const cloudsYaml = (await script('up', [], UP_MS_MAX)).trim();
  await script('guests', ['start'], COMMAND_MS_MAX);
  const { clouds } = cloudsSchema.parse(parse(readFileSync(cloudsYaml, 'utf8')));
  const faultFolder = join(state, 'faults');
  const clearFaults = async (): Promise<void> => {
    for (const file of readdirSync(faultFolder)) rmSync(join(faultFolder, file), { force: true });
  };
  return {
    cloudsYaml,
    cloud: (name) => {
      const login = clouds[name];
      if (login === undefined) throw new Error(`${cloudsYaml} has no cloud ${name}`);
      return login;
    },
    openstack: (cloudName, ...args) => {
      const local = { OS_CLIENT_CONFIG_FILE: cloudsYaml, no_proxy: '127.0.0.1', NO_PROXY: '127.0.0.1' };
      return run('openstack', ['--os-cloud', cloudName, ...args], { ...env, ...local }, COMMAND_MS_MAX);
    },
    setBootDelay: async (seconds) => {
      await script('guests', ['start', '--boot-delay', String(seconds)], COMMAND_MS_MAX);
    },
    faults: async (service, rules) => {
      // Renamed into place: the services read it on every request, half-written or not.
      const file = join(faultFolder, `${service}.json`);
      writeFileSync(`${file}.new`, JSON.stringify(rules));
      renameSync(`${file}.new`, file);
    },
    clearFaults,
    release: async () => {
      await clearFaults();
      leave();
    },
    down: async () => {
      await script('down', [], COMMAND_MS_MAX);
      leave();
    },
  };
}

/** Resolves once no other process has the cloud, to what gives it back; the end of this process does too. */
function enter(state: string): Promise<() => void> {
  const holder = spawn(
    '/usr/bin/flock',
    ['--exclusive', join(state, 'tests.lock'), 'sh', '-c', 'echo held; cat'],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  return new Promise((resolve, reject) => {
    holder.once('error', reject);
    holder.once('exit', (code) => reject(new Error(`flock ended with ${code}`)));
    holder.stdout.once('data', () => resolve(() => holder.stdin.end()));
  });
}

const topologySchema = z.looseObject({
  projects: z.array(z.looseObject({ name: z.string(), private_cidr: z.string() })),
  public_network: z.looseObject({ name: z.string() }),
});

/** Another place for everything that two clouds on one machine could both want. */
function ownSettings(): Readonly<Record<string, string>> {
  const topology = topologySchema.parse(JSON.parse(readFileSync(join(SCRIPTS, 'topology.json'), 'utf8')));
  const address = (last: number): string => `${NETWORKS.public}.${last}`;
  const moved = {
    ...topology,
    projects: topology.projects.map((project, at) => ({
      ...project,
      private_cidr: `${NETWORKS.private}.${at}.0/24`,
    })),
    public_network: {
      ...topology.public_network,
      cidr: `${address(0)}/24`,
      gateway: address(1),
      pool: [address(10), address(250)],
    },
  };
  mkdirSync(TEST_CLOUD_STATE, { recursive: true, mode: 0o700 });
  const file = join(TEST_CLOUD_STATE, 'test-topology.json');
  writeFileSync(file, JSON.stringify(moved, null, 2));
  return { OPENSTACK_PORT_OFFSET: PORT_OFFSET, OPENSTACK_TOPOLOGY: file };
}

/** The environment without what names another cloud. */
function withoutCloudNames(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:OS|OPENSTACK)_/.test(name)));
}

function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  limitMs: number,
): Promise<string> {
  const options = { env, timeout: limitMs, maxBuffer: OUTPUT_BYTES_MAX, encoding: 'utf8' } as const;
  return new Promise((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${args.join(' ')}: ${stderr.slice(-4000)}`, { cause: error }));
    });
  });
}
