import type { Lease } from '../domain/model/lease.ts';
import { NO_SETUP } from '../domain/model/setup.ts';
import { ProviderError } from '../engine/ports.ts';
import type { Catalogue } from '../profiles/catalogue.ts';
import { compose, type Composition } from '../profiles/compose.ts';
import type { ProfileFault } from '../profiles/profile.ts';
import { renderUserData } from '../profiles/render.ts';

/**
 * cloud-init user data of a lease's machine: lets the borrower in with a public key, as the login user of the
 * image, has the machine call `phoneHomeUrl`, and runs its profiles. null: nothing to say. Throws
 * ProviderError `bad_request` where the profiles have come to exclude each other since they were asked for.
 */
export function userDataOf(
  lease: Pick<Lease, 'request'>,
  options: {
    readonly catalogue: Catalogue;
    readonly user: string;
    readonly phoneHomeUrl: string | null;
  },
): Buffer | null {
  const { request } = lease;
  const { userData: own } = request.setup ?? NO_SETUP;
  const rendered = renderUserData({
    sshPublicKey: request.sshPublicKey,
    user: options.user,
    phoneHomeUrl: options.phoneHomeUrl,
    composition: compositionOf(lease, options.catalogue),
    own,
  });
  return rendered.ok ? rendered.value : refuse(rendered.error);
}

/** null: it asks for no profiles. Throws as `userDataOf`. */
function compositionOf({ request }: Pick<Lease, 'request'>, catalogue: Catalogue): Composition | null {
  const { profiles } = request.setup ?? NO_SETUP;
  if (profiles.length === 0) return null;
  const composed = compose(catalogue, profiles, Object.keys(request.demand.devices));
  return composed.ok ? composed.value : refuse(composed.error);
}

function refuse({ message, fix }: ProfileFault): never {
  throw new ProviderError('bad_request', 'none', `${message} ${fix}`);
}
