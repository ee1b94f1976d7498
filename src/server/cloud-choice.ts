/**
 * To which clouds a caller's token may be shown. A token is good for everything that its holder may do, so
 * where there are several clouds it goes to the one that its holder has named: docs/adr/0011.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Cloud } from '../engine/clouds.ts';
import { Problem } from './problem.ts';

/** Names a cloud, by its name in Berth's configuration or by the address of its Keystone. */
const HEADER = 'berth-cloud';

export interface CloudChoice {
  readonly clouds: readonly Cloud[];
  /** Whether one that was not named is shown to all. */
  readonly shareTokens: boolean;
}

/** Throws a Problem where none was named, or none that is known. */
export function cloudsMeant(
  headers: IncomingHttpHeaders,
  { clouds, shareTokens }: CloudChoice,
): readonly Cloud[] {
  const named = headers[HEADER];
  const isOpen = shareTokens || clouds.length <= 1;
  if (typeof named !== 'string' || named === '') {
    if (isOpen) return clouds;
    throw notNamed(
      'the token may be of one of several clouds, and the request does not say of which',
      clouds,
    );
  }
  const byName = clouds.filter(({ id }) => id === named);
  if (byName.length > 0) return byName;
  if (!URL.canParse(named)) throw notNamed(`there is no cloud '${named.slice(0, 64)}'`, clouds);
  // Entries for several regions may share one Keystone: whichever is asked gives the same answer.
  const byAddress = clouds.filter(({ authUrl }) => placeOf(authUrl) === placeOf(named)).slice(0, 1);
  if (byAddress.length > 0) return byAddress;
  // One cloud has many addresses (internal, public), and where there is no other nothing can be mistaken.
  if (isOpen) return clouds;
  throw notNamed(`no cloud has its Keystone at '${named.slice(0, 200)}'`, clouds);
}

/** For programs that have to find out: what can be named. */
export function knownClouds(
  clouds: readonly Cloud[],
): { readonly name: string; readonly auth_url: string }[] {
  return clouds.map(({ id, authUrl }) => ({ name: id, auth_url: authUrl }));
}

/** Addresses of the same Keystone compare equal: without user, version, and slashes at the end. */
function placeOf(authUrl: string): string {
  const { protocol, host, pathname } = new URL(authUrl);
  return `${protocol}//${host}${pathname.replace(/\/+$/, '').replace(/\/v3$/, '')}`;
}

function notNamed(detail: string, clouds: readonly Cloud[]): Problem {
  const names = clouds.map(({ id }) => id).join(', ');
  return new Problem('cloud_not_named', {
    detail,
    field: 'Berth-Cloud',
    fix: `Send the header Berth-Cloud with one of: ${names}; or the address of its Keystone.`,
    details: { clouds: knownClouds(clouds) },
  });
}
