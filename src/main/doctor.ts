/** `berth doctor`: the clouds that the server would work with, examined one after another. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { DoctorEntry, DoctorFinding, DoctorOptions, DoctorReport } from '../cli/io.ts';
import { CliFailure, EXIT } from '../cli/failure.ts';
import { catalogue } from '../doctor/catalogue.ts';
import type { Login } from '../doctor/collect-login.ts';
import { examine } from '../doctor/doctor.ts';
import type { CloudSettings } from '../doctor/facts.ts';
import { finding, type Finding } from '../doctor/finding.ts';
import { knownClouds } from '../openstack/clouds/open-cloud.ts';
import type { CloudProblem } from '../openstack/clouds/problem.ts';
import { readCloudFiles } from '../openstack/clouds/read-files.ts';
import { resolveCloud } from '../openstack/clouds/resolve-cloud.ts';
import { createFetch } from '../openstack/fetch.ts';
import { readDeploymentId } from '../store/postgres/deployment.ts';
import { configSchema, loadConfig, type Config } from './config.ts';
import { CONFIG_PATH_DEFAULT } from './options.ts';
import { databaseOf } from './store.ts';

interface Place {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where clouds.yaml may lie. */
  readonly folder: string;
  readonly clock: Clock;
}

/** A service that hangs must not hang the examination; Nova's slowest answers take some seconds. */
const CALL_TIMEOUT_MS = 15_000;

export function doctorEntries(): readonly DoctorEntry[] {
  return Object.entries(catalogue).map(([code, entry]) => ({ code, ...entry }));
}

/** Rejects with CliFailure where no cloud is named: everything else that is wrong is a finding. */
export async function examineClouds(options: DoctorOptions, place: Place): Promise<DoctorReport> {
  const path = options.configPath ?? (existsSync(CONFIG_PATH_DEFAULT) ? CONFIG_PATH_DEFAULT : null);
  const loaded =
    path === null ? { ok: true as const, value: configSchema.parse({}) } : await loadConfig(path);
  if (!loaded.ok) {
    const fix = `Correct ${path ?? 'the file'}, and check it with: berth config check ${path ?? ''}`;
    const faults = loaded.error.map((fault) => finding('config_invalid', path ?? '', `${fault}.`, fix));
    return { clouds: [], findings: faults.map((fault) => ({ ...fault, cloud: '' })) };
  }
  const config = loaded.value;
  const clouds = cloudsOf(config, options.cloud ?? (place.env['OS_CLOUD'] || null), place);
  const findings: DoctorFinding[] = [];
  for (const cloud of clouds) {
    const found = await examineCloud(cloud, config, options, place);
    findings.push(...found.map((one) => ({ ...one, cloud: cloud.name })));
  }
  return { clouds: clouds.map(({ name }) => name), findings };
}

type CloudConfig = Config['clouds'][number];

/** The named one as the configuration describes it, or as it would without any; else all of it. */
function cloudsOf(config: Config, wanted: string | null, { env, folder }: Place): readonly CloudConfig[] {
  if (wanted === null && config.clouds.length > 0) return config.clouds;
  const known = wanted === null ? knownClouds(env, folder) : [wanted];
  const [name] = known;
  const described = config.clouds.filter((cloud) => cloud.name === name);
  if (described.length > 0) return described;
  const parsed = configSchema.safeParse({ clouds: known.length === 1 ? [{ name }] : [] });
  if (parsed.success && parsed.data.clouds.length === 1) return parsed.data.clouds;
  const which = known.length > 1 ? `one of ${known.join(', ')}` : 'one of clouds.yaml';
  const what = wanted === null ? 'no cloud is named' : `'${wanted}' is no name of a cloud`;
  const fix = `Name ${which}: berth doctor --cloud NAME, or OS_CLOUD=NAME.`;
  throw new CliFailure(what, fix, EXIT.usage);
}

async function examineCloud(
  cloud: CloudConfig,
  config: Config,
  options: DoctorOptions,
  place: Place,
): Promise<readonly Finding[]> {
  const opened = openLogin(cloud.name, place);
  if (!opened.ok) return opened.error;
  const { login, remarks } = opened.value;
  const found = await examine({
    cloud: settingsOf(cloud, config, options.projects),
    login,
    clock: place.clock,
    deploymentId: await deploymentOf(config, options.dataDir, place.clock),
    say: options.say,
  });
  return [...found, ...remarks];
}

/** The login, and what in its files has no effect or a bad one; else why there is none. */
function openLogin(
  name: string,
  { env, folder }: Place,
): Result<{ readonly login: Login; readonly remarks: readonly Finding[] }, readonly Finding[]> {
  const unusable = ({ where, what }: CloudProblem): Finding => {
    const fix =
      where === ''
        ? 'Name a cloud that clouds.yaml has with --cloud, write clouds.yaml, or set OS_CLIENT_CONFIG_FILE to it'
        : `Correct ${where}`;
    return finding('cloud_unreadable', where === '' ? `cloud '${name}'` : where, sentence(what), fix);
  };
  const files = readCloudFiles(env, folder);
  if (!files.ok) return err(files.error.map(unusable));
  const resolved = resolveCloud({ files: files.value, env, name, overrides: {} });
  if (!resolved.ok) return err(resolved.error.map(unusable));
  const fetch = createFetch(resolved.value.tls);
  if (!fetch.ok) return err([unusable({ where: `clouds.${name}`, what: fetch.error })]);
  const { warnings, tls, callTimeoutMs, ...login } = resolved.value;
  const subject = `cloud '${name}'`;
  const remarks = warnings.map((warning) =>
    finding('cloud_setting_useless', subject, sentence(warning), 'Remove that key from clouds.yaml'),
  );
  const message = 'verify is false: whoever stands between can read the password and change every answer.';
  const fix = `In clouds.yaml, under clouds.${name}: verify: true, and cacert: FILE where the authority is your own`;
  return ok({
    login: { ...login, fetch: fetch.value, callTimeoutMs: callTimeoutMs ?? CALL_TIMEOUT_MS },
    remarks: tls.verify ? remarks : [...remarks, finding('tls_unverified', subject, message, fix)],
  });
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function settingsOf(cloud: CloudConfig, config: Config, projects: readonly string[]): CloudSettings {
  return {
    name: cloud.name,
    ownership: cloud.ownership,
    placement: cloud.placement,
    network: cloud.network,
    externalNetwork: cloud.external_network,
    image: cloud.image,
    configDrive: cloud.config_drive,
    sshPort: cloud.ssh_port,
    aliases: cloud.aliases,
    vcpuRatio: cloud.vcpu_ratio,
    declaredHosts: cloud.hosts.length,
    projects: [...new Set([...config.projects.map(({ id }) => id), ...projects])],
  };
}

/** The server's marks are no findings. `--data` means the SQLite store there. null: there is no store. */
async function deploymentOf(config: Config, dataDir: string | null, clock: Clock): Promise<string | null> {
  if (config.store === null || dataDir !== null) return deploymentIn(dataDir ?? config.data);
  return readDeploymentId(databaseOf(config.store), clock).catch(() => null);
}

/** The store may be in use by a server: it is opened for reading, and not waited for. null: there is none. */
function deploymentIn(dir: string): string | null {
  const path = join(dir, 'berth.sqlite');
  if (!existsSync(path)) return null;
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { readOnly: true });
    const row = z
      .object({ deployment_id: z.string() })
      .safeParse(database.prepare('SELECT deployment_id FROM control').get());
    return row.success ? row.data.deployment_id : null;
  } catch {
    return null;
  } finally {
    database?.close();
  }
}
