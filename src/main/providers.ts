/** The providers that the configuration names. */
import type { Clock } from '../base/clock.ts';
import { asId } from '../base/ids.ts';
import { createAccount, withAccount } from '../openstack/account.ts';
import { createCloud } from '../openstack/cloud.ts';
import type { Credentials, Scope } from '../openstack/credentials.ts';
import { createDeclaredProvider } from '../declared/provider.ts';
import { openCloud } from '../openstack/clouds/open-cloud.ts';
import type { Cloud } from '../engine/clouds.ts';
import type { Provider } from '../engine/ports.ts';
import { createHomes } from '../openstack/homes.ts';
import { createOpenStackProvider } from '../openstack/provider.ts';
import { createReadiness } from '../openstack/readiness/readiness.ts';
import { createSession, type OpenStackSession, type SessionOptions } from '../openstack/session.ts';
import type { Catalogue } from '../profiles/catalogue.ts';
import type { Config } from './config.ts';
import { DEMO_ACCOUNT, startDemoCloud } from './demo.ts';
import { ServeFailure } from './options.ts';

export interface OpenProviders {
  readonly list: readonly Provider[];
  /** Those whose users may call. */
  readonly clouds: readonly Cloud[];
  /** Where the simulated cloud listens, such as `http://127.0.0.1:43210`; null: there is none. */
  readonly simulatedUrl: string | null;
  readonly close: () => Promise<void>;
}

interface Context {
  readonly clock: Clock;
  readonly deploymentId: () => string;
  /** See the configuration's `token_cache`. */
  readonly tokenCacheMs: number;
  /** Where the machine of a lease, at this port, is to call once it is up. */
  readonly phoneHomeUrl: (leaseId: string, portId: string) => string;
  readonly profiles: Catalogue;
}

/** Longest single exchange with a cloud: Nova's slowest answers take some seconds. */
const CALL_TIMEOUT_MS = 30_000;
/** The simulated cloud answers in milliseconds; a short limit makes a crash of the demo heal quickly. */
const DEMO_CALL_TIMEOUT_MS = 5000;

export async function openProviders(config: Config, context: Context): Promise<OpenProviders> {
  const list: Provider[] = [];
  const clouds: Cloud[] = [];
  const closers: (() => Promise<void>)[] = [];
  let simulatedUrl: string | null = null;
  if (config.declared !== null)
    list.push(createDeclaredProvider({ id: asId('declared'), config: config.declared }));
  for (const cloud of config.clouds) {
    const login = openCloud(cloud.name, process.env, process.cwd());
    if (!login.ok) throw new ServeFailure(`cloud ${cloud.name}: ${login.error}`);
    const { callTimeoutMs } = login.value;
    const opened = openStack(cloud, login.value, callTimeoutMs ?? CALL_TIMEOUT_MS, context);
    list.push(opened.provider);
    clouds.push(opened.cloud);
  }
  if (config.simulated !== null) {
    const { hosts, admin_port: port } = config.simulated;
    const demo = await startDemoCloud({ dir: config.data, hosts, port, clock: context.clock });
    closers.push(() => demo.listener.close());
    simulatedUrl = demo.listener.url;
    const { user, password, project } = DEMO_ACCOUNT;
    const domain = { id: 'default' };
    const login = {
      authUrl: demo.authUrl,
      credentials: {
        kind: 'password',
        user: { name: user, domain },
        password,
        scope: { kind: 'project', project: { name: project, domain } },
      },
      region: null,
      interfaces: ['public'],
      fetch,
    } as const;
    const opened = openStack(SIMULATED, login, DEMO_CALL_TIMEOUT_MS, context);
    list.push(opened.provider);
    clouds.push(opened.cloud);
  }
  return {
    list,
    clouds,
    simulatedUrl,
    close: async () => {
      for (const close of closers) await close();
    },
  };
}

const SIMULATED: Config['clouds'][number] = {
  name: 'sim',
  ownership: 'service',
  placement: 'nova',
  network: 'private',
  external_network: 'public',
  image: 'ubuntu-22.04-cuda',
  user: 'ubuntu',
  ssh_port: 22,
  // Nothing answers behind the addresses of a simulated cloud.
  ready: { probe: 'none', console_text: 'Cloud-init v.* finished' },
  config_drive: false,
  aliases: { 'tesla-v100': 'V100' },
  vcpu_ratio: 4,
  hosts: [],
};

type Login = Omit<SessionOptions, 'clock' | 'callTimeoutMs'>;

/** The provider, and the same cloud as it knows its users: both through one session of Berth's account. */
function openStack(
  cloud: Config['clouds'][number],
  login: Login,
  callTimeoutMs: number,
  context: Context,
): { readonly provider: Provider; readonly cloud: Cloud } {
  const { credentials } = login;
  const open = (as: Credentials): OpenStackSession =>
    createSession({ ...login, credentials: as, clock: context.clock, callTimeoutMs });
  const session = open(credentials);
  const { ownership, placement } = cloud;
  refuseHopeless(cloud, credentials);
  const account = createAccount(session, { ownership, placement });
  const inScope =
    credentials.kind === 'applicationCredential' ? null : (scope: Scope) => open({ ...credentials, scope });
  const provider = createOpenStackProvider({
    id: asId(cloud.name),
    deploymentId: context.deploymentId,
    homes: createHomes({ ownership, placement, own: session, inScope }),
    placement,
    allProjects: ownership !== 'service',
    rights: () => account.seen?.rights ?? null,
    clock: context.clock,
    network: cloud.network,
    externalNetwork: cloud.external_network,
    image: cloud.image,
    user: cloud.user,
    sshPort: cloud.ssh_port,
    readiness: createReadiness({
      probe: cloud.ready.probe,
      consoleText: cloud.ready.console_text,
      phoneHomeUrl: context.phoneHomeUrl,
      clock: context.clock,
    }),
    configDrive: cloud.config_drive,
    profiles: context.profiles,
    aliases: cloud.aliases,
    vcpuRatio: cloud.vcpu_ratio,
    hosts: cloud.hosts.map((host) => ({
      name: host.name,
      gpuType: host.gpu_type,
      gpuCount: host.gpu_count,
      vcpus: host.vcpus,
      memoryMiB: host.memory_mib,
      diskGiB: host.disk_gib,
    })),
  });
  const known = createCloud({
    id: asId(cloud.name),
    authUrl: login.authUrl,
    session,
    fetch: login.fetch,
    clock: context.clock,
    rememberedMsMax: context.tokenCacheMs,
    isBoundToProject: inScope === null,
    ownership,
    placement,
  });
  return { provider: withAccount(provider, account), cloud: known };
}

/** Combinations that Keystone and Nova let nobody use (keystone 22, nova 26.2.2): better said now than per lease. */
function refuseHopeless(
  { name, ownership, placement }: Config['clouds'][number],
  { kind }: Credentials,
): void {
  if (ownership === 'trust' && placement === 'pinned') {
    throw new ServeFailure(
      `cloud ${name}: ownership 'trust' and placement 'pinned' exclude each other: ` +
        "a borrower's trust has no admin role, and only an admin may choose the host; use placement 'nova'",
    );
  }
  if (ownership === 'trust' && kind === 'applicationCredential') {
    throw new ServeFailure(
      `cloud ${name}: ownership 'trust' needs a user with a password: ` +
        'an application credential cannot act on a trust; or use ownership service',
    );
  }
}
