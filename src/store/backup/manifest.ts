/** What a backup says of itself: `manifest.json`, for people and for the restore. */
import { z } from 'zod';
import { BackupError } from './backup-error.ts';

const manifestSchema = z.object({
  format: z.literal('berth-backup'),
  /** A newer number is a form that this program does not know. */
  format_version: z.int(),
  /** Version of the program that made it. */
  berth: z.string(),
  made_at: z.string(),
  /** null: only the key is in it. */
  store: z
    .object({
      kind: z.literal('sqlite'),
      deployment_id: z.string(),
      /** Name of the newest migration. */
      schema: z.string(),
      /** Of the last commit in it. */
      revision: z.int(),
      event_seq: z.int(),
      committed_at: z.string().nullable(),
      epoch: z.int(),
      bytes: z.int(),
    })
    .nullable(),
});

export type Manifest = z.output<typeof manifestSchema>;
export type StoreManifest = NonNullable<Manifest['store']>;

export const FORMAT_VERSION = 1;

/** Throws BackupError. */
export function parseManifest(text: string): Manifest {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new BackupError('damaged', 'manifest.json of the backup is no JSON', { cause: error });
  }
  const version = z.looseObject({ format_version: z.int() }).safeParse(raw);
  if (version.success && version.data.format_version > FORMAT_VERSION) {
    throw new BackupError(
      'newer',
      `the backup has form ${version.data.format_version}; this Berth knows ${FORMAT_VERSION}: use a newer one`,
    );
  }
  const parsed = manifestSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new BackupError('damaged', 'manifest.json of the backup is not as this program writes it', {
    cause: parsed.error,
  });
}
