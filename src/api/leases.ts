import { z } from 'zod';
import type { AtEnd, EndReason, LeaseStateKind, Purpose, StartProgress } from '../domain/model/lease.ts';
import {
  addIssue,
  allowOneDuration,
  durationSeconds,
  durationText,
  gpuCounts,
  idText,
  lineOfText,
  PAGE_LIMIT_MAX,
  publicKeyText,
  queryNumber,
  requireOneDuration,
  ticketText,
  timeOut,
  timeOutOrNull,
  timeText,
  waitText,
} from './fields.ts';
import { profileRefs } from './machine-profiles.ts';

const LEASE_STATES = [
  'reserved',
  'queued',
  'starting',
  'active',
  'shelving',
  'shelved',
  'ending',
  'ended',
] as const satisfies readonly LeaseStateKind[];

const AT_ENDS = ['shelve', 'delete', 'shelve_or_delete'] as const satisfies readonly AtEnd[];

export const PURPOSES = ['interactive', 'ci'] as const satisfies readonly Purpose[];

const END_REASONS = [
  'released',
  'expired',
  'wait_timed_out',
  'cancelled',
  'failed',
  'host_lost',
  'preempted',
] as const satisfies readonly EndReason[];

const PROGRESS = [
  'waiting',
  'network',
  'building',
  'address',
  'checking',
] as const satisfies readonly StartProgress[];

const ADDRESSES = ['floating', 'fixed'] as const;

/** What is larger could not reach a machine, even compressed well. */
const USER_DATA_CHARS_MAX = 200_000;

/** Each is a rule of a security group, of which projects have few. */
const SSH_FROM_MAX = 8;

/** More leases of one window than a classroom needs are asked for in several requests. */
const COUNT_MAX = 64;

export const leaseJson = z
  .object({
    id: z.string(),
    name: z.string(),
    project_id: z.string(),
    project_name: z.string().nullable().meta({ description: 'For people, where it is known.' }),
    owner_id: z.string(),
    state: z.enum(LEASE_STATES),
    flavor: z.string().meta({ description: 'Name of the flavor.' }),
    flavor_id: z.string(),
    gpus: gpuCounts,
    host: z.string().nullable().meta({ description: 'Name of the host, when there is one.' }),
    image: z.string().nullable(),
    created_at: timeOut,
    duration_seconds: z.int().meta({ description: 'How long it lasts from the moment it is active.' }),
    starts_at: timeOutOrNull.meta({ description: 'Reserved: start of the window.' }),
    expires_at: timeOutOrNull.meta({ description: 'Active: when it ends.' }),
    ended_at: timeOutOrNull,
    wait_until: timeOutOrNull.meta({ description: 'Queued: when it gives up waiting.' }),
    position: z.int().nullable().meta({ description: 'Queued: place in the queue, from 1.' }),
    forecast_at: timeOutOrNull.meta({ description: 'Queued: expected start; null: nothing known ends.' }),
    wait_reasons: z
      .record(z.string(), z.int())
      .meta({ description: 'Queued: how many hosts each reason rules out.' }),
    progress: z.enum(PROGRESS).nullable().meta({ description: 'Starting: what is being done.' }),
    obstacle: z
      .string()
      .nullable()
      .meta({ description: 'Starting: why one cannot get in yet, as the last look showed.' }),
    profiles: z
      .array(z.object({ name: z.string(), params: z.record(z.string(), z.string()) }))
      .meta({ description: 'What it was to be set up with.' }),
    notes: z
      .array(z.string())
      .meta({ description: 'Active: what its set-up wants to be known, such as the result of a test.' }),
    connection: z
      .object({ host: z.string(), port: z.int(), user: z.string(), ssh: z.string() })
      .nullable()
      .meta({ description: 'Active: how to get in; `ssh` is the command line.' }),
    renewed_since: timeOutOrNull.meta({
      description: 'Active: since when it goes on only because nobody waits for its GPU.',
    }),
    grace_until: timeOutOrNull.meta({ description: 'Active, its time is over: when it ends nevertheless.' }),
    keep_until: timeOutOrNull.meta({
      description: 'Shelved: when its disk is deleted; null: it is kept without a limit.',
    }),
    at_end: z.enum(AT_ENDS),
    renew: z.boolean().meta({ description: 'At its end it goes on by itself while nobody waits.' }),
    ticket: z
      .string()
      .nullable()
      .meta({
        description: 'Return ticket: `now` (as soon as its time is over) or a time; null: it has none.',
        examples: ['now'],
      }),
    scratch_gib: z.int().meta({ description: 'Of its disks, what shelving does not keep.' }),
    purpose: z.enum(PURPOSES),
    end_reason: z.enum(END_REASONS).nullable(),
    cause: z.string().nullable().meta({ description: 'Why it failed or was lost.' }),
    setbacks: z
      .array(z.object({ at: timeOut, code: z.string(), message: z.string(), host_id: z.string().nullable() }))
      .meta({ description: 'Tries that did not succeed, the newest last.' }),
    reservation_id: z.string().nullable(),
    unreachable_since: timeOutOrNull,
    generation: z.int(),
    gpu_seconds: z.int().meta({ description: 'GPU time used so far: seconds × GPUs.' }),
  })
  .meta({ id: 'Lease' });

export type LeaseJson = z.output<typeof leaseJson>;

const requirements = z
  .strictObject({
    gpu: lineOfText(64).nullish().meta({ description: 'GPU model or class, e.g. V100.' }),
    class: lineOfText(64).nullish().meta({ description: 'The same as `gpu`.' }),
    count: z.int().min(1).max(64).default(1),
    vcpus: z.int().min(0).max(65_536).default(0),
    memory_mib: z.int().min(0).max(1_073_741_824).default(0),
    disk_gib: z.int().min(0).max(1_048_576).default(0),
  })
  .superRefine((value, context) => {
    const names = [value.gpu, value.class].filter((name) => name !== undefined && name !== null);
    if (names.length === 1) return;
    const message = names.length === 0 ? 'the GPU model is missing' : 'the GPU model is said twice';
    const code = names.length === 0 ? 'missing_field' : 'invalid';
    addIssue(context, code, message, "Give either 'gpu' or 'class', such as V100.", ['gpu']);
  });

/** What is wanted: shared by borrowing and explaining. */
const wantedFields = {
  flavor: idText.nullish().meta({ description: 'Id or name of a flavor.' }),
  requirements: requirements
    .nullish()
    .meta({ description: 'Instead of a flavor: what it must have; the smallest such is taken.' }),
  host: idText.nullish().meta({ description: 'Only this host (id or name).' }),
  project_id: idText.nullish().meta({ description: 'Admins: for this project. Default: that of the token.' }),
  from: timeText.nullish().meta({ description: 'Reserve a window that starts then, instead of queueing.' }),
  duration: durationText.nullish(),
  duration_seconds: durationSeconds.nullish(),
};

const overrideLimits = lineOfText(1000)
  .nullish()
  .meta({ description: 'Admins: pass the limits of the project, with the reason for the audit log.' });

/** A machine, by its lease and by what only it was told. */
export const byMachine = z.strictObject({ id: idText, secret: idText });

export const createLeaseBody = z
  .strictObject({
    ...wantedFields,
    name: lineOfText(255).nullish().meta({ description: 'For people; need not be unique.' }),
    at_end: z.enum(AT_ENDS).nullish().meta({
      description:
        'Keep the root disk, delete, or keep it but delete what cannot be shelved. Default: by the rules.',
    }),
    renew: z
      .boolean()
      .nullish()
      .meta({ description: 'Go on while nobody waits. Default: unless it is deleted at its end.' }),
    ticket: ticketText.nullish(),
    purpose: z
      .enum(PURPOSES)
      .default('interactive')
      .meta({ description: 'As usage reports tell it: somebody works on it, or a pipeline does.' }),
    image: idText.nullish().meta({ description: 'Image name or id; default: that of the provider.' }),
    ssh_public_key: publicKeyText.nullish(),
    profiles: profileRefs
      .nullish()
      .meta({ description: 'What the machine is set up with, in this order; see GET /v1/profiles.' }),
    user_data: z
      .string()
      .min(1)
      .max(USER_DATA_CHARS_MAX)
      .nullish()
      .meta({ description: 'User data of your own for cloud-init; runs before the profiles.' }),
    network: idText
      .nullish()
      .meta({ description: 'Network by id or name; default: as the cloud is configured.' }),
    address: z
      .enum(ADDRESSES)
      .nullish()
      .meta({ description: 'How it is reached; default: as the cloud is configured.' }),
    ssh_from: z
      .array(lineOfText(64))
      .max(SSH_FROM_MAX)
      .nullish()
      .meta({ description: 'Networks from which SSH is let in, or `auto`: your own address.' }),
    wait: waitText.nullish(),
    override_limits: overrideLimits,
    count: z.int().min(1).max(COUNT_MAX).default(1).meta({ description: 'So many leases together.' }),
  })
  .superRefine((body, context) => {
    requireOneWanted(body, context);
    allowOneDuration(body, context);
  })
  .meta({ id: 'CreateLease' });

export const explainBody = z
  .strictObject(wantedFields)
  .superRefine((body, context) => {
    requireOneWanted(body, context);
    requireOneDuration(body, context);
  })
  .meta({ id: 'Explain' });

export const createdLeases = z.object({
  leases: z.array(leaseJson),
  lease: leaseJson.optional().meta({ description: 'The same, when it is one.' }),
});

export const oneLease = z.object({ lease: leaseJson });

export const listLeasesQuery = z.strictObject({
  project_id: idText.optional(),
  owner_id: idText.optional(),
  state: z
    .enum(['live', ...LEASE_STATES])
    .default('live')
    .meta({ description: '`live`: all that have not ended. `ended`: the newest first.' }),
  limit: queryNumber(1, PAGE_LIMIT_MAX).default(PAGE_LIMIT_MAX),
  marker: z
    .string()
    .regex(/^\d{1,16}(\.[^\p{Cc}\p{Cs}]{1,255})?$/u, "must be the 'next' of the page before")
    .optional()
    .meta({ description: '`next` of the page before.' }),
});

export const leasePage = z.object({
  leases: z.array(leaseJson),
  next: z.string().nullable().meta({ description: '`marker` of the next page; null: this is the last.' }),
});

export const extendLeaseBody = z
  .strictObject({
    duration: durationText.nullish().meta({ description: 'By how much longer than now planned.' }),
    duration_seconds: durationSeconds.nullish(),
    expires_at: timeText.nullish().meta({ description: 'Or the new end itself.' }),
    max: z
      .literal(true)
      .nullish()
      .meta({ description: 'Or as far as breaks no promise and the rules allow.' }),
    override_limits: overrideLimits,
  })
  .superRefine((body, context) => {
    const said = [body.expires_at, body.max, body.duration ?? body.duration_seconds];
    const count = said.filter((each) => each !== undefined && each !== null).length;
    if (count <= 1) return count === 1 ? allowOneDuration(body, context) : requireOneDuration(body, context);
    const fix = "Give one of 'duration', 'expires_at' and 'max'.";
    addIssue(context, 'invalid', 'the new end is said twice', fix, ['expires_at']);
    return undefined;
  })
  .meta({ id: 'ExtendLease' });

export const unshelveLeaseBody = z
  .strictObject({
    duration: durationText.nullish().meta({ description: 'Default: as long as before.' }),
    duration_seconds: durationSeconds.nullish(),
    wait: waitText.nullish(),
    override_limits: overrideLimits,
  })
  .superRefine(allowOneDuration)
  .meta({ id: 'UnshelveLease' });

export const keepLeaseBody = z
  .strictObject({
    duration: durationText.nullish().meta({ description: 'So long from now.' }),
    duration_seconds: durationSeconds.nullish(),
  })
  .superRefine(requireOneDuration)
  .meta({ id: 'KeepLease' });

export const ticketBody = z
  .strictObject({ ticket: ticketText.nullable() })
  .meta({ id: 'Ticket', description: 'null: it stays on the shelf.' });

/** Host names, IPv4 and IPv6 addresses; never something that ssh would read as an option. */
const addressText = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$|^::[A-Za-z0-9.:]*$/, 'must be a host name or an address');

export const adoptionBody = z
  .strictObject({
    lease_id: z.uuid().nullish().meta({ description: 'Keep this lease id (that of the Berth tag).' }),
    name: lineOfText(255),
    project_id: idText,
    owner_id: idText,
    flavor: idText.meta({ description: 'Id or name.' }),
    host: idText.nullish().meta({ description: 'Id or name; left out: it is on the shelf.' }),
    server_id: idText,
    port_id: idText.nullish(),
    floating_ip_id: idText.nullish(),
    connection: z
      .strictObject({
        host: addressText,
        port: z.int().min(1).max(65_535).default(22),
        user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'must be a Linux user name'),
      })
      .nullish()
      .meta({ description: 'With the host.' }),
    duration: durationText.nullish(),
    duration_seconds: durationSeconds.nullish(),
    at_end: z.enum(AT_ENDS).default('shelve'),
  })
  .superRefine(requireOneDuration)
  .superRefine(requireWholePlace)
  .meta({ id: 'Adoption' });

export const adoptableList = z.object({
  servers: z.array(
    z.object({
      server_id: z.string(),
      name: z.string(),
      status: z
        .string()
        .meta({ description: 'As Nova names it. What is ACTIVE or SHELVED_OFFLOADED can be adopted.' }),
      provider_id: z.string(),
      deployment_id: z.string().meta({ description: 'Of the tag: the deployment that made it.' }),
      lease_id: z.string().meta({ description: 'Of the tag.' }),
      project_id: z.string().nullable(),
      owner_id: z.string().nullable(),
      flavor: z.string().nullable(),
      host: z.string().nullable(),
      address: z.string().nullable(),
      port_id: z.string().nullable(),
      floating_ip_id: z.string().nullable(),
      launched_at: timeOutOrNull,
      duration_seconds: z
        .int()
        .nullable()
        .meta({ description: 'It was lent for so long, as its metadata say.' }),
      at_end: z.enum(AT_ENDS).nullable(),
    }),
  ),
});
export type AdoptableListJson = z.output<typeof adoptableList>;

function requireWholePlace(
  body: { readonly host?: unknown; readonly connection?: unknown },
  context: z.core.$RefinementCtx,
): void {
  const has = [body.host, body.connection].filter((value) => value !== undefined && value !== null);
  if (has.length !== 1) return;
  const path = [body.host === undefined || body.host === null ? 'host' : 'connection'];
  const fix = "Give both 'host' and 'connection', or neither for what is on the shelf.";
  addIssue(context, 'missing_field', 'where it runs is said by half', fix, path);
}

function requireOneWanted(
  body: { readonly flavor?: unknown; readonly requirements?: unknown },
  context: z.core.$RefinementCtx,
): void {
  const has = [body.flavor, body.requirements].filter((value) => value !== undefined && value !== null);
  if (has.length === 1) return;
  const message = has.length === 0 ? 'what to borrow is missing' : 'what to borrow is said twice';
  const code = has.length === 0 ? 'missing_field' : 'invalid';
  addIssue(context, code, message, "Give either 'flavor' or 'requirements'.", ['flavor']);
}
