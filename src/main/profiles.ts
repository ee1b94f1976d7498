import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { ownProfile } from '../profiles/own.ts';
import type { Profile } from '../profiles/profile.ts';
import { ownProfilesSchema, type Config } from './config.ts';
import { ServeFailure } from './options.ts';

/**
 * The profiles of the configuration, or of the file that it names, which counts from the folder of the
 * configuration file. Rejects with ServeFailure that says which profile is wrong, and how.
 */
export async function ownProfiles(
  configured: Config['profiles'],
  configPath: string | null,
): Promise<readonly Profile[]> {
  if (typeof configured !== 'string') return configured.map(ownProfile);
  const path = resolve(configPath === null ? '.' : dirname(configPath), configured);
  let raw: unknown;
  try {
    raw = parse(await readFile(path, 'utf8')) ?? [];
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new ServeFailure(`profiles: ${path} cannot be read: ${why}`);
  }
  const parsed = ownProfilesSchema.safeParse(raw);
  if (parsed.success) return parsed.data.map(ownProfile);
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new ServeFailure(`profiles: ${path}: ${faults.join('; ')}`);
}
