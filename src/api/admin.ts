import { z } from 'zod';
import type { Role } from '../domain/model/token.ts';
import {
  allowOneDuration,
  durationSeconds,
  durationText,
  idText,
  lineOfText,
  newIdText,
  timeOut,
  timeOutOrNull,
} from './fields.ts';
import { limitsBody, limitsJson, projectUseJson, someLimitsJson, usersBody } from './limits.ts';

export const ROLE_NAMES = ['reader', 'member', 'manager', 'admin'] as const satisfies readonly Role[];

const freezeState = z
  .object({
    frozen: z.boolean(),
    since: timeOutOrNull,
    reason: z.string().nullable(),
    actor: z.string().nullable(),
  })
  .meta({ id: 'Freeze' });

export const oneFreeze = z.object({ freeze: freezeState });

export const oneDeployment = z.object({ deployment_id: z.string() });

export const takeOverBody = z
  .strictObject({
    deployment_id: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,40}$/, 'must be the deployment id of a mark')
      .meta({ description: 'Of the marks in the cloud, as GET /v1/adoptions shows it.' }),
  })
  .meta({ id: 'TakeOver' });

export const freezeBody = z.strictObject({ reason: lineOfText(1000) }).meta({ id: 'CreateFreeze' });

const accountJson = z.object({
  user_id: z.string(),
  user_name: z.string(),
  project_id: z.string().nullable(),
  project_name: z.string().nullable(),
  roles: z.array(z.string()),
  rights: z.enum(['full', 'member']).meta({
    description: '`full`: it sees hosts and the servers of all projects. `member`: its own project.',
  }),
  missing: z.array(z.string()).meta({ description: 'What it may not read.' }),
  ownership: z.enum(['project', 'trust', 'service']),
  placement: z.enum(['nova', 'pinned']),
});

export const statusJson = z
  .object({
    version: z.string(),
    deployment_id: z.string(),
    revision: z.int(),
    now: timeOut,
    ready: z.boolean(),
    open: z.boolean().meta({ description: 'Demo: everybody on this machine is admin.' }),
    mode: z.enum(['act', 'observe']),
    mode_reason: z.string().nullable(),
    freeze: freezeState,
    clock_doubt: z.object({ since: timeOut, divergence_ms: z.number() }).nullable(),
    lease_counts: z.record(z.string(), z.int()),
    providers: z.array(
      z.object({
        id: z.string(),
        kind: z.string(),
        reachable: z.boolean(),
        observed_at: timeOutOrNull,
        error: z.string().nullable(),
        warnings: z.array(z.string()),
        account: accountJson.nullable().meta({ description: "Berth's own account in the cloud." }),
      }),
    ),
    planned_steps: z.array(z.object({ lease_id: z.string(), step: z.string(), why: z.string() })).meta({
      description: 'What would be done outside if the service were not frozen, or did not only observe.',
    }),
    actor: z
      .object({
        user_id: z.string(),
        user_name: z.string().meta({ description: 'For people; the id where no other name is known.' }),
        project_id: z.string(),
        project_name: z.string(),
        role: z.enum(ROLE_NAMES),
        admin_of: z
          .string()
          .nullable()
          .meta({ description: 'The cloud to which the role admin is confined; null: it is not.' }),
      })
      .meta({ description: 'Who you are to the service.' }),
  })
  .meta({ id: 'Status' });

export type StatusJson = z.output<typeof statusJson>;
export type FreezeJson = z.output<typeof freezeState>;

const projectJson = z
  .object({
    id: z.string(),
    name: z.string(),
    limits: limitsJson.meta({ description: 'Of all its users together.' }),
    per_user: limitsJson.meta({ description: 'Of each of its users.' }),
    users: z
      .record(z.string(), someLimitsJson)
      .meta({ description: 'By user id, what differs for single users.' }),
  })
  .meta({ id: 'Project' });

export type ProjectJson = z.output<typeof projectJson>;

export const projectList = z.object({ projects: z.array(projectJson) });
export const oneProject = z.object({ project: projectJson });
export const projectWithUse = z.object({ project: projectJson, use: projectUseJson });

export const byNewId = z.strictObject({ id: newIdText });

export const putProjectBody = z
  .strictObject({
    name: lineOfText(255).nullish().meta({ description: 'Default: the name that it has, else the id.' }),
    limits: limitsBody.nullish().meta({ description: 'Of all its users together.' }),
    per_user: limitsBody.nullish().meta({ description: 'Of each of its users.' }),
    users: usersBody.nullish(),
  })
  .meta({ id: 'PutProject' });

const tokenJson = z
  .object({
    id: z.string(),
    name: z.string(),
    project_id: z.string(),
    role: z.enum(ROLE_NAMES),
    created_at: timeOut,
    created_by: z.string(),
    expires_at: timeOut,
  })
  .meta({ id: 'Token' });

export type TokenJson = z.output<typeof tokenJson>;

export const tokenList = z.object({ tokens: z.array(tokenJson) });

export const createTokenBody = z
  .strictObject({
    name: lineOfText(255).meta({ description: 'Who or what it is for; it stands in the audit log.' }),
    role: z.enum(ROLE_NAMES).default('member'),
    project_id: idText.nullish().meta({ description: 'Default: that of the caller.' }),
    duration: durationText.nullish().meta({ description: 'How long it is valid; default 90 days.' }),
    duration_seconds: durationSeconds.nullish(),
  })
  .superRefine(allowOneDuration)
  .meta({ id: 'CreateToken' });

export const createdToken = z.object({
  token: tokenJson,
  secret: z.string().meta({ description: 'The token itself. It is shown only here.' }),
});

export const done = z.object({ done: z.literal(true) });

export const findingList = z.object({
  findings: z.array(
    z
      .object({ id: z.string(), code: z.string(), subject: z.string(), message: z.string(), since: timeOut })
      .meta({ id: 'Finding' }),
  ),
});

export type FindingListJson = z.output<typeof findingList>;
