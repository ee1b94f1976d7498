/** What `serve` runs with: the file, then the flags, then the demo's needs. */
import { existsSync } from 'node:fs';
import { SECOND_MS } from '../base/units.ts';
import type { ServeOptions } from '../cli/io.ts';
import { configSchema, loadConfig, type Config } from './config.ts';

/** Something that the operator can mend; the message says how. */
export class ServeFailure extends Error {
  override readonly name = 'ServeFailure';
}

/** What starting and deleting take in the simulated cloud, at most. */
const DEMO_START_MS = 8 * SECOND_MS;
const DEMO_END_MS = 5 * SECOND_MS;

/** Looked for when no file is named. */
export const CONFIG_PATH_DEFAULT = '/etc/berth/berth.yaml';

export async function resolveOptions(options: ServeOptions): Promise<Config> {
  const base = await fileConfig(options);
  const config: Config = {
    ...base,
    ...(options.listen !== null && { listen: options.listen }),
    ...(options.dataDir !== null && { data: options.dataDir }),
    ...(options.storeUrl !== null && { store: namedStore(options.storeUrl, base) }),
    ...(options.mode !== null && { mode: options.mode }),
    ...(options.insecureHttp && { insecure_http: true }),
  };
  const clouds = options.cloud === null ? config.clouds : [namedCloud(options.cloud, config)];
  if (options.demo) return demoConfig({ ...config, clouds }, options.configPath !== null);
  if (clouds.length === 0 && config.declared === null && config.simulated === null) {
    throw new ServeFailure(
      'there is nothing to lend: the configuration names no cloud, no declared host, and no simulated cloud; ' +
        'try `berth serve --demo`, or see docs/operate/install.md',
    );
  }
  return { ...config, clouds };
}

/** The data folder that `serve` would use, and the database beside it. Throws ServeFailure. */
export async function resolveData(
  options: Pick<ServeOptions, 'configPath' | 'dataDir' | 'storeUrl'>,
): Promise<{ readonly dir: string; readonly storeUrl: string | null }> {
  const { data, store } = await fileConfig({ ...options, demo: false });
  // Who names a folder means what is in it.
  const configured = options.dataDir === null ? (store?.url ?? null) : null;
  return { dir: options.dataDir ?? data, storeUrl: options.storeUrl ?? configured };
}

/** The URL of the command line, and what the file says of its password. */
function namedStore(url: string, { store }: Config): Config['store'] {
  const parsed = configSchema.safeParse({ store: { ...store, url } });
  if (parsed.success) return parsed.data.store;
  throw new ServeFailure(`--store ${parsed.error.issues.map((issue) => issue.message).join('; ')}`);
}

/** As the file describes it; a cloud that it does not describe is taken as clouds.yaml and the cloud itself do. */
function namedCloud(name: string, config: Config): Config['clouds'][number] {
  const described = config.clouds.find((cloud) => cloud.name === name);
  if (described !== undefined) return described;
  const parsed = configSchema.safeParse({ clouds: [{ name }] });
  const [cloud] = parsed.success ? parsed.data.clouds : [];
  if (cloud !== undefined) return cloud;
  const faults = parsed.error?.issues.map((issue) => issue.message) ?? [];
  throw new ServeFailure(`--cloud ${name}: ${faults.join('; ')}`);
}

/** The simulated cloud unless the file names something else, and estimates that fit how quick it is. */
function demoConfig(config: Config, hasFile: boolean): Config {
  if (config.clouds.length > 0 || config.declared !== null) return config;
  const simulated = config.simulated ?? { hosts: 2, admin_port: 0 };
  if (hasFile) return { ...config, simulated };
  const leases = { ...config.leases, start_estimate: DEMO_START_MS, end_estimate: DEMO_END_MS };
  return { ...config, simulated, leases };
}

async function fileConfig(options: Pick<ServeOptions, 'configPath' | 'demo'>): Promise<Config> {
  const path =
    options.configPath ?? (existsSync(CONFIG_PATH_DEFAULT) && !options.demo ? CONFIG_PATH_DEFAULT : null);
  if (path === null) return configSchema.parse({});
  const loaded = await loadConfig(path);
  if (loaded.ok) return loaded.value;
  throw new ServeFailure(loaded.error.join('\n'));
}
