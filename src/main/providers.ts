/** The providers that the configuration names. */
import type { Clock } from '../base/clock.ts';
import { asId } from '../base/ids.ts';
import type { ManagedProvider } from '../controllers/controllers.ts';
import { createDeclaredProvider } from '../declared/provider.ts';
import { readCloud } from '../openstack/clouds-yaml.ts';
import { createOpenStackProvider } from '../openstack/provider.ts';
import { createSession, type SessionOptions } from '../openstack/session.ts';
import type { Config } from './config.ts';
import { DEMO_ACCOUNT, startDemoCloud } from './demo.ts';
import { ServeFailure } from './options.ts';

export interface OpenProviders {
  readonly list: readonly ManagedProvider[];
  /** Where the simulated cloud listens, such as `http://127.0.0.1:43210`; null: there is none. */
  readonly simulatedUrl: string | null;
  readonly close: () => Promise<void>;
}

interface Context {
  readonly clock: Clock;
  readonly deploymentId: () => string;
}

/** Longest single exchange with a cloud: Nova's slowest answers take some seconds. */
const CALL_TIMEOUT_MS = 30_000;
/** The simulated cloud answers in milliseconds; a short limit makes a crash of the demo heal quickly. */
const DEMO_CALL_TIMEOUT_MS = 5000;

export async function openProviders(config: Config, context: Context): Promise<OpenProviders> {
  const list: ManagedProvider[] = [];
  const closers: (() => Promise<void>)[] = [];
  let simulatedUrl: string | null = null;
  if (config.declared !== null)
    list.push(createDeclaredProvider({ id: asId('declared'), config: config.declared }));
  for (const cloud of config.clouds) {
    const read = readCloud(cloud.name, process.env, process.cwd());
    if (!read.ok) throw new ServeFailure(`cloud ${cloud.name}: ${read.error}`);
    list.push(openStackProvider(cloud, read.value, CALL_TIMEOUT_MS, context));
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
    } as const;
    list.push(openStackProvider(SIMULATED, login, DEMO_CALL_TIMEOUT_MS, context));
  }
  return {
    list,
    simulatedUrl,
    close: async () => {
      for (const close of closers) await close();
    },
  };
}

const SIMULATED: Config['clouds'][number] = {
  name: 'sim',
  network: 'private',
  external_network: 'public',
  image: 'ubuntu-22.04-cuda',
  user: 'ubuntu',
  ssh_port: 22,
  config_drive: false,
  aliases: { 'tesla-v100': 'V100' },
  vcpu_ratio: 4,
};

type Login = Pick<SessionOptions, 'authUrl' | 'credentials' | 'region' | 'interfaces'>;

function openStackProvider(
  cloud: Config['clouds'][number],
  login: Login,
  callTimeoutMs: number,
  context: Context,
): ManagedProvider {
  const session = createSession({ ...login, fetch, clock: context.clock, callTimeoutMs });
  return createOpenStackProvider({
    id: asId(cloud.name),
    deploymentId: context.deploymentId,
    session,
    clock: context.clock,
    network: cloud.network,
    externalNetwork: cloud.external_network,
    image: cloud.image,
    user: cloud.user,
    sshPort: cloud.ssh_port,
    configDrive: cloud.config_drive,
    aliases: cloud.aliases,
    vcpuRatio: cloud.vcpu_ratio,
  });
}
