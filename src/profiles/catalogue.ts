import { nearest } from '../base/nearest.ts';
import { err, ok, type Result } from '../base/result.ts';
import { cuda } from './builtin/cuda.ts';
import { docker } from './builtin/docker.ts';
import { gpuBurn } from './builtin/gpu-burn.ts';
import { jupyter } from './builtin/jupyter.ts';
import { nvidiaDriver } from './builtin/nvidia-driver.ts';
import type { Profile, ProfileFault } from './profile.ts';

/** All profiles by name, in the order in which they are listed. */
export type Catalogue = ReadonlyMap<string, Profile>;

export const BUILTIN_PROFILES: readonly Profile[] = [nvidiaDriver, cuda, docker, gpuBurn, jupyter];

/** Berth's profiles and those of the configuration, one of which may replace one of Berth's. */
export function createCatalogue(own: readonly Profile[]): Catalogue {
  return new Map([...BUILTIN_PROFILES, ...own].map((profile) => [profile.name, profile]));
}

/** The error names the nearest that there is. */
export function findProfile(catalogue: Catalogue, name: string): Result<Profile, ProfileFault> {
  const profile = catalogue.get(name);
  if (profile !== undefined) return ok(profile);
  const like = nearest(name, catalogue.keys());
  const meant = like === null ? '' : `Did you mean '${like}'? `;
  return err({
    message: `There is no profile '${name}'.`,
    fix: `${meant}See \`berth image profile list\`: ${[...catalogue.keys()].join(', ')}.`,
  });
}
