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
import { isTimeZone } from '../base/time-zone.ts';
import { DAY_MS, formatDuration, parseDuration } from '../base/units.ts';
import { declaredConfigSchema } from '../declared/config.ts';
import { DEFAULT_SETTINGS, type Settings } from '../domain/settings.ts';
import { LOG_LEVELS } from '../server/log/catalogue.ts';
import { patternFault } from '../openstack/readiness/console-match.ts';
import { ownProfileSchema } from '../profiles/own.ts';
import { parseAddress, withoutPassword } from '../store/postgres/url.ts';
import { duration, durationOrZero } from './config-fields.ts';
import { leaseSettings, leasesSchema, printableLeases } from './lease-config.ts';

/** Where a check tells what is wrong; `path` counts from the checked value. */
interface IssueSink {
  addIssue(issue: { code: 'custom'; path?: PropertyKey[]; message: string }): void;
}

/** A century: what is kept longer is kept for ever. */
const KEPT_MS_MAX = 36_525 * DAY_MS;

/** How long records are kept. A day is what an answer to an Idempotency-Key may need. */
const kept = z
  .string()
  .transform((text, context) => {
    const parsed = parseDuration(text, KEPT_MS_MAX);
    if (parsed.ok && parsed.value >= DAY_MS) return parsed.value;
    context.addIssue({ code: 'custom', message: parsed.ok ? 'must be a day at least' : parsed.error });
    return z.NEVER;
  })
  .nullable()
  .default(null);

const retentionSchema = z.strictObject({
  leases: kept.describe('ended leases, from their end, with their intents; null: for ever'),
  events: kept.describe('the audit log; null: for ever'),
});

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'letters, digits, dots, dashes and underscores');

/** Limits of a project, and of its users; left out: no limit. */
const limitKeys = {
  gpus: z.int().min(0).optional().describe('most GPUs held at once; left out: no limit'),
  gpus_by_class: z
    .record(z.string().min(1).max(64), z.int().min(0))
    .optional()
    .describe('the same for single classes, such as `V100: 4`'),
  leases: z.int().min(0).optional().describe('most leases held at once'),
  gpu_hours: z.int().min(0).optional().describe('most GPU-hours in a month of `time_zone`'),
  max_duration: duration.optional().describe('longest lease, extensions included'),
  queued: z.int().min(0).optional().describe('most requests that wait at once'),
};

const logSchema = z.strictObject({
  level: z.enum(LOG_LEVELS).default('info').describe('what matters less is left out'),
  requests: z.boolean().default(true).describe('a line for each request'),
});

const projectSchema = z.strictObject({
  id: name.describe('as tokens name it'),
  name: z.string().min(1).max(255).optional().describe('for people; left out: the id'),
  ...limitKeys,
  per_user: z.strictObject(limitKeys).prefault({}).describe('the same limits for each user of the project'),
  users: z
    .record(z.string().min(1).max(255), z.strictObject(limitKeys))
    .default({})
    .describe('limits of single users, by id, where they differ from `per_user`'),
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

function refuseBadAddress(url: string, context: IssueSink): void {
  const parsed = parseAddress(url);
  if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.error });
}

const storeSchema = z.strictObject({
  url: z
    .string()
    .superRefine(refuseBadAddress)
    .describe('postgresql://USER@HOST:PORT,HOST:PORT/DATABASE?sslmode=verify-full&sslrootcert=FILE'),
  password_file: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('file (0600) with the password; null: PGPASSWORD, ~/.pgpass, or none'),
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
    .describe(
      'tenant network of the servers, by id or name, in which {user} and {project} stand for names of the borrower; null: the only one of their project',
    ),
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

export const ownProfilesSchema = z.array(ownProfileSchema).max(256);

const profilesSchema = z.union([ownProfilesSchema, z.string().min(1)]);

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

/** A name that is written wrongly would take rights away in silence. */
function refuseUnknownAdmins(
  config: {
    readonly admin_clouds: readonly string[] | null;
    readonly clouds: readonly { readonly name: string }[];
  },
  context: IssueSink,
): void {
  for (const [index, cloudName] of (config.admin_clouds ?? []).entries()) {
    if (config.clouds.some((cloud) => cloud.name === cloudName)) continue;
    const known = config.clouds.map((cloud) => cloud.name).join(', ') || 'there is none';
    const message = `'${cloudName}' is none of \`clouds\`: ${known}`;
    context.addIssue({ code: 'custom', path: ['admin_clouds', index], message });
  }
}

export const configSchema = z
  .strictObject({
    listen: z
      .union([z.string(), z.array(z.string()).min(1).max(8)])
      .default('127.0.0.1:8080')
      .describe('HOST:PORT, or unix:PATH for a proxy on this machine; also a list of them'),
    socket_mode: z
      .string()
      .regex(/^0?[0-7]{3}$/, 'an octal mode such as "0660"')
      .default('0660')
      .describe('of socket files: who may open one is believed as a proxy is'),
    public_url: z
      .url({ protocol: /^https?$/, message: 'an address such as https://berth.example.org' })
      .nullable()
      .default(null)
      .describe('where machines reach this server; only needed for `phone_home`'),
    data: z
      .string()
      .min(1)
      .default('.berth')
      .describe("folder of the server's own key, and of the SQLite store"),
    store: storeSchema
      .nullable()
      .default(null)
      .describe('a PostgreSQL database to store in; null: SQLite in `data`'),
    mode: z.enum(['act', 'observe']).default('act').describe('observe: nothing is written outside'),
    insecure_http: z.boolean().default(false).describe('allow a listener beyond this machine without TLS'),
    trusted_proxies: z
      .array(z.string())
      .max(64)
      .default([])
      .describe('addresses and networks whose X-Forwarded-For is believed'),
    tls: z
      .strictObject({
        key: z.string().describe('file of the private key'),
        cert: z.string().describe('file of the certificate and its chain'),
      })
      .nullable()
      .default(null)
      .describe('PEM files'),
    log: logSchema.prefault({}).describe('what is written to standard error'),
    token_cache: durationOrZero
      .default(300_000)
      .describe('how long a good Keystone token is remembered; 0: each request asks'),
    share_tokens: z
      .boolean()
      .default(false)
      .describe('show tokens of callers who name no cloud to all of several clouds'),
    admin_clouds: z
      .array(name)
      .max(16)
      .nullable()
      .default(null)
      .describe('clouds whose admins administer the whole service; null: the only one, none of several'),
    metrics_need_token: z.boolean().default(false).describe('/metrics only with a token'),
    rate_limit: z
      .strictObject({
        per_second: z.number().positive().describe('on average'),
        burst: z.number().positive().describe('at once'),
      })
      .nullable()
      .default({ per_second: 200, burst: 1000 })
      .describe('requests of one caller; null: no limit'),
    time_zone: z
      .string()
      .refine(isTimeZone, 'a time zone of the IANA database, such as Europe/Berlin')
      .default(DEFAULT_SETTINGS.timeZone)
      .describe('whose days and months count in usage reports and limits'),
    poll_interval: duration.default(15_000).describe('between two looks at each provider'),
    leases: leasesSchema.prefault({}).describe('limits and estimates for all leases'),
    retention: retentionSchema.prefault({}).describe('how long records are kept; usage stays'),
    projects: z.array(projectSchema).max(10_000).default([]).describe('limits; they win over `project set`'),
    declared: declaredConfigSchema.nullable().default(null).describe('hosts that are there already'),
    clouds: z
      .array(cloudSchema)
      .max(16)
      .superRefine(refuseEqualNames)
      .default([])
      .describe('OpenStack clouds'),
    profiles: profilesSchema
      .default([])
      .describe('set-ups of your own for machines: here, or a file with such a list'),
    simulated: simulatedSchema.nullable().default(null).describe('a simulated cloud in this process'),
  })
  .superRefine(requirePublicUrl)
  .superRefine(refuseUnknownAdmins);

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

export function settingsOf({ leases, time_zone: timeZone }: Config): Settings {
  return { ...DEFAULT_SETTINGS, ...leaseSettings(leases), timeZone };
}

/**
 * As it would be written in a file, durations as text. There are no secrets in it: those are in files of
 * their own, and a password in the URL of the database is left out.
 */
export function printable(config: Config): object {
  const { store } = config;
  return {
    ...config,
    store: store && { ...store, url: withoutPassword(store.url) },
    poll_interval: formatDuration(config.poll_interval),
    projects: config.projects.map((project) => ({
      ...printableLimits(project),
      per_user: printableLimits(project.per_user),
      users: Object.fromEntries(
        Object.entries(project.users).map(([id, limits]) => [id, printableLimits(limits)]),
      ),
    })),
    token_cache: formatDuration(config.token_cache),
    retention: { leases: keptText(config.retention.leases), events: keptText(config.retention.events) },
    leases: printableLeases(config.leases),
  };
}

function printableLimits(limits: { readonly max_duration?: number | undefined }): object {
  const { max_duration: durationMs, ...rest } = limits;
  return durationMs === undefined ? rest : { ...rest, max_duration: formatDuration(durationMs) };
}

function keptText(durationMs: number | null): string | null {
  return durationMs === null ? null : formatDuration(durationMs);
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
