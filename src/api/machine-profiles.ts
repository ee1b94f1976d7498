import { z } from 'zod';
import { idText, lineOfText } from './fields.ts';

/** As `PROFILES_MAX` of the composition, which counts those that are implied too. */
const PROFILES_MAX = 16;
const PARAMETERS_MAX = 32;
const VALUE_LENGTH_MAX = 512;

/** Empty values are values: a parameter may be turned off with one. */
const valueText = lineOfText(VALUE_LENGTH_MAX).or(z.literal(''));

const profileRef = z
  .strictObject({
    name: idText,
    params: z
      .record(lineOfText(64), valueText)
      .default({})
      .refine(
        (params) => Object.keys(params).length <= PARAMETERS_MAX,
        `at most ${PARAMETERS_MAX} parameters`,
      ),
  })
  .meta({ id: 'ProfileRef' });

export const profileRefs = z.array(profileRef).max(PROFILES_MAX);

const profileJson = z
  .object({
    name: z.string(),
    summary: z.string(),
    is_own: z.boolean().meta({ description: 'From the configuration of this service.' }),
    parameters: z.array(
      z.object({
        name: z.string(),
        help: z.string(),
        default: z.string().nullable().meta({ description: 'null: it has to be given.' }),
      }),
    ),
    requires: z.array(z.string()),
    conflicts: z.array(z.string()),
    network: z.array(z.string()).meta({ description: 'Hosts that the machine must reach.' }),
    disk_gib: z.int(),
  })
  .meta({ id: 'Profile' });

export type ProfileJson = z.output<typeof profileJson>;

export const profileList = z.object({ profiles: z.array(profileJson) });
export const oneProfile = z.object({ profile: profileJson });

export const renderBody = z
  .strictObject({
    profiles: profileRefs.min(1),
    gpus: z
      .array(lineOfText(64))
      .max(16)
      .default([])
      .meta({ description: 'GPU models of the machine, which decide what suits them; none: not known.' }),
  })
  .meta({ id: 'RenderProfiles' });

export const renderedProfiles = z
  .object({
    profiles: z.array(
      z.object({
        name: z.string(),
        params: z.record(z.string(), z.string()),
        implied: z.boolean().meta({ description: 'Required by another one.' }),
      }),
    ),
    steps: z.array(z.object({ profile: z.string(), title: z.string(), seconds_max: z.int() })),
    expected_seconds: z.int().meta({ description: 'How long all of it usually takes.' }),
    disk_gib: z.int(),
    user_data: z
      .string()
      .meta({ description: 'The `#cloud-config` document, without key and address of a lease.' }),
  })
  .meta({ id: 'RenderedProfiles' });

export type RenderedProfilesJson = z.output<typeof renderedProfiles>;
