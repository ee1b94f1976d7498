import type { ProfileJson } from '../../api/machine-profiles.ts';
import { routes } from '../../api/routes.ts';
import { SECOND_MS } from '../../base/units.ts';
import { findProfile, type Catalogue } from '../../profiles/catalogue.ts';
import { compose, type Composition } from '../../profiles/compose.ts';
import type { Profile, ProfileFault, ProfileRef } from '../../profiles/profile.ts';
import { renderDocument } from '../../profiles/render.ts';
import type { Register } from '../dispatch.ts';
import type { ServerOptions } from '../options.ts';
import { Problem } from '../problem.ts';

/** What machines can be set up with. Nothing here is of a lease. */
export function profileRoutes(register: Register, { profiles: catalogue }: ServerOptions): void {
  register('listProfiles', routes.listProfiles, () => ({
    profiles: [...catalogue.values()].map(profileToJson),
  }));

  register('getProfile', routes.getProfile, ({ params }) => {
    const found = findProfile(catalogue, params.id);
    if (!found.ok) throw problemOf(found.error, 'profile_unknown', 'id');
    return { profile: profileToJson(found.value) };
  });

  register('renderProfiles', routes.renderProfiles, ({ body }) => {
    const composition = composed(catalogue, body.profiles, body.gpus);
    const document = renderDocument({ sshPublicKey: null, user: 'ubuntu', phoneHomeUrl: null, composition });
    return {
      profiles: composition.chosen.map(({ profile, values, isImplied }) => ({
        name: profile.name,
        params: values,
        implied: isImplied,
      })),
      steps: composition.steps.map(({ profile, title, secondsMax }) => ({
        profile,
        title,
        seconds_max: secondsMax,
      })),
      expected_seconds: Math.ceil(composition.expectedMs / SECOND_MS),
      disk_gib: composition.diskGiB,
      user_data: document ?? '',
    };
  });
}

/** Throws a Problem where they do not go together. */
export function composed(
  catalogue: Catalogue,
  refs: readonly ProfileRef[],
  gpus: readonly string[],
): Composition {
  const result = compose(catalogue, refs, gpus);
  if (result.ok) return result.value;
  const isUnknown = refs.some(({ name }) => !catalogue.has(name));
  throw problemOf(result.error, isUnknown ? 'profile_unknown' : 'profile_refused', 'profiles');
}

function problemOf(
  { message, fix }: ProfileFault,
  code: 'profile_unknown' | 'profile_refused',
  field: string,
): Problem {
  return new Problem(code, { detail: message, fix, field });
}

function profileToJson(profile: Profile): ProfileJson {
  return {
    name: profile.name,
    summary: profile.summary,
    is_own: profile.isOwn,
    parameters: Object.entries(profile.parameters).map(([name, { help, fallback }]) => ({
      name,
      help,
      default: fallback,
    })),
    requires: profile.requires.map((required) => required.profile),
    conflicts: [...profile.conflicts],
    network: [...profile.needs.network],
    disk_gib: profile.needs.diskGiB,
  };
}
