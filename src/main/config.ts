/**
 * The configuration: one schema for the file (YAML), from which defaults, checks and the reference page
 * come. Keys are as operators write them; an unknown one is an error that names the nearest known one. Flags
 * win over the file.
 */
import { readFile } from 'node:fs/promises';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { nearest } from '../base/nearest.ts';
import { err, ok, type Result } from '../base/result.ts';
import { formatDuration } from '../base/units.ts';
import { declaredConfigSchema } from '../declared/config.ts';
import { DEFAULT_SETTINGS, type Settings } from '../domain/settings.ts';
import { patternFault } from '../openstack/readiness/console-match.ts';
import { duration } from './config-fields.ts';
import { leaseSettings, leasesSchema, printableLeases } from './lease-config.ts';

/** Where a check tells what is wrong; `path` counts from the checked value. */
interface IssueSink {
  addIssue(issue: { code: 'custom'; path?: PropertyKey[]; message: string }): void;
}

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'letters, digits, dots, dashes and underscores');

const projectSchema = z.strictObject({
  id: name.describe('as tokens name it'),
  name: z.string().min(1).max(255).optional().describe('for people; left out: the id'),
  gpus: z.int().min(0).optional().describe('most GPUs held at once; left out: no limit'),
  leases: z.int().min(0).optional().describe('most leases held at once; left out: no limit'),
});

const simulatedSchema = z.strictObject({
  hosts: z
    .int()
    .min(1)
    .max(10_000)
    .default(2)
    .describe('GPU hosts of the simulated cloud, each with two V100'),
  admin_port: z.int().min(0).max(65_535).default(0).describe('loopback port of its own API; 0: any free one'),
});

function refuseBadPattern(source: string, context: IssueSink): void {
  const fault = patternFault(source);
  if (fault === null) return;
  context.addIssue({ code: 'custom', message: `is no regular expression of JavaScript: ${fault}` });
}

const readySchema = z.strictObject({
  probe: z
    .enum(['ssh', 'console', 'phone_home', 'none'])
    .default('ssh')
    .describe('what shows that a server is usable: its SSH port, its console, its own call, or nothing'),
  console_text: z
    .string()
    .min(1)
    .max(200)
    .superRefine(refuseBadPattern)
    .default('Cloud-init v.* finished')
    .describe('regular expression that the console log matches once the server is usable'),
});

const hostSchema = z.strictObject({
  name,
  gpu_type: z.string().min(1).describe('as in the PCI alias of the flavors'),
  gpu_count: z.int().min(1).max(64).describe('GPUs of the host that may be lent'),
  vcpus: z.int().min(1).describe('physical ones; `vcpu_ratio` times as many are handed out'),
  memory_mib: z.int().min(1),
  disk_gib: z.int().min(1),
});

const cloudSchema = z.strictObject({
  name: name.describe('of the cloud in clouds.yaml'),
  ownership: z
    .enum(['project', 'trust', 'service'])
    .default('project')
    .describe("whose project servers are made in: the borrower's, the same in their name, or Berth's own"),
  placement: z
    .enum(['nova', 'pinned'])
    .default('nova')
    .describe('who picks the host: Nova, or Berth (needs the admin role)'),
  network: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('tenant network of the servers, by id or name; null: the only one of their project'),
  external_network: z
    .string()
    .min(1)
    .default('auto')
    .describe(
      'where floating IPs come from, by id or name; auto: the only one there is; none: no floating IPs',
    ),
  image: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('image of leases that name none; null: the only one there is'),
  user: z.string().min(1).default('ubuntu').describe('login user of the images'),
  ssh_port: z.int().min(1).max(65_535).default(22).describe('where SSH answers on the servers'),
  ready: readySchema.prefault({}).describe('when a lease becomes active'),
  config_drive: z
    .boolean()
    .default(false)
    .describe('user data on a config drive, for networks without metadata service'),
  aliases: z.record(z.string(), z.string()).default({}).describe('PCI alias → gpu_type of the aggregates'),
  vcpu_ratio: z
    .number()
    .min(1)
    .max(64)
    .default(4)
    .describe("Nova's cpu_allocation_ratio of the GPU hosts, where Placement does not tell"),
  hosts: z
    .array(hostSchema)
    .max(10_000)
    .default([])
    .describe('GPU hosts, where the account may not see them (it is no admin)'),
});

/** What the providers are called that are no cloud of the list: see `declared` and `simulated`. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(['declared', 'sim']);

/**
 * A cloud's name is the id of its provider: hosts and flavors of two with one name would replace each
 * other.
 */
function refuseEqualNames(clouds: readonly { readonly name: string }[], context: IssueSink): void {
  const names = clouds.map((cloud) => cloud.name);
  for (const [index, cloudName] of names.entries()) {
    const path = [index, 'name'];
    if (RESERVED_NAMES.has(cloudName)) {
      const message = `'${cloudName}' is taken by Berth itself; rename the cloud in clouds.yaml and here`;
      context.addIssue({ code: 'custom', path, message });
    }
    const first = names.indexOf(cloudName);
    if (first === index) continue;
    const message = `'${cloudName}' is the name of clouds.${first} already; each cloud stands here once`;
    context.addIssue({ code: 'custom', path, message });
  }
}

/** A machine can only call where it can reach somebody. */
function requirePublicUrl(
  config: {
    readonly public_url: string | null;
    readonly clouds: readonly { readonly name: string; readonly ready: { readonly probe: string } }[];
  },
  context: IssueSink,
): void {
  const calling = config.clouds.findIndex(({ ready }) => ready.probe === 'phone_home');
  if (calling < 0 || config.public_url !== null) return;
  const message =
    'phone_home needs `public_url`: the address at which machines reach this server, ' +
    'such as `public_url: https://berth.example.org`; or choose another probe';
  context.addIssue({ code: 'custom', path: ['clouds', calling, 'ready', 'probe'], message });
}

export const configSchema = z
  .strictObject({
    listen: z.string().default('127.0.0.1:8080').describe('HOST:PORT'),
    public_url: z
      .url({ protocol: /^https?$/, message: 'an address such as https://berth.example.org' })
      .nullable()
      .default(null)
      .describe('where machines reach this server; only needed for `phone_home`'),
    data: z.string().min(1).default('.berth').describe('folder of the SQLite store'),
    mode: z.enum(['act', 'observe']).default('act').describe('observe: nothing is written outside'),
    insecure_http: z.boolean().default(false).describe('allow a listener beyond this machine without TLS'),
    trusted_proxies: z.array(z.string()).max(64).default([]).describe('whose X-Forwarded-For is believed'),
    tls: z
      .strictObject({
        key: z.string().describe('file of the private key'),
        cert: z.string().describe('file of the certificate and its chain'),
      })
      .nullable()
      .default(null)
      .describe('PEM files'),
    metrics_need_token: z.boolean().default(false).describe('/metrics only with a token'),
    rate_limit: z
      .strictObject({
        per_second: z.number().positive().describe('on average'),
        burst: z.number().positive().describe('at once'),
      })
      .nullable()
      .default({ per_second: 200, burst: 1000 })
      .describe('requests of one caller; null: no limit'),
    poll_interval: duration.default(15_000).describe('between two looks at each provider'),
    leases: leasesSchema.prefault({}).describe('limits and estimates for all leases'),
    projects: z.array(projectSchema).max(10_000).default([]).describe('quotas; they win over `project set`'),
    declared: declaredConfigSchema.nullable().default(null).describe('hosts that are there already'),
    clouds: z
      .array(cloudSchema)
      .max(16)
      .superRefine(refuseEqualNames)
      .default([])
      .describe('OpenStack clouds'),
    simulated: simulatedSchema.nullable().default(null).describe('a simulated cloud in this process'),
  })
  .superRefine(requirePublicUrl);

export type Config = z.output<typeof configSchema>;

/** Reads and checks a file; the error is one sentence per fault. */
export async function loadConfig(path: string): Promise<Result<Config, readonly string[]>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return err([`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`]);
  }
  return parseConfig(text, path);
}

export function parseConfig(text: string, path: string): Result<Config, readonly string[]> {
  let raw: unknown;
  try {
    raw = parse(text) ?? {};
  } catch (error) {
    const message = error instanceof YAMLParseError ? error.message.split('\n')[0] : String(error);
    return err([`${path} is not YAML: ${message ?? ''}`]);
  }
  const parsed = configSchema.safeParse(raw);
  if (parsed.success) return ok(parsed.data);
  return err(parsed.error.issues.flatMap((issue) => faultTexts(issue, path)));
}

export function settingsOf({ leases }: Config): Settings {
  return { ...DEFAULT_SETTINGS, ...leaseSettings(leases) };
}

/**
 * As it would be written in a file, durations as text. There are no secrets in it: those are in files of
 * their own.
 */
export function printable(config: Config): object {
  return {
    ...config,
    poll_interval: formatDuration(config.poll_interval),
    leases: printableLeases(config.leases),
  };
}

function faultTexts(issue: z.core.$ZodIssue, path: string): readonly string[] {
  const at = issue.path.map(String).join('.');
  if (issue.code !== 'unrecognized_keys') return [`${path}: ${at === '' ? '' : `${at}: `}${issue.message}`];
  const known = keysAt(issue.path);
  return issue.keys.map((key) => {
    const like = nearest(key, known);
    const where = at === '' ? key : `${at}.${key}`;
    return `${path}: unknown key '${where}'${like === null ? '' : `; did you mean '${like}'?`}`;
  });
}

/** The keys that the schema has at a place of the file. */
function keysAt(path: readonly PropertyKey[]): readonly string[] {
  let schema: unknown = configSchema;
  for (const part of path) {
    const inner = unwrap(schema);
    if (inner instanceof z.ZodObject && typeof part === 'string') schema = inner.shape[part];
    else if (inner instanceof z.ZodArray) schema = inner.element;
    else if (inner instanceof z.ZodRecord) schema = inner.valueType;
    else return [];
  }
  const found = unwrap(schema);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let inner = schema;
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodOptional
  ) {
    inner = inner.unwrap();
  }
  return inner;
}
