/** Cyborg's device profiles, which anybody may read. Source: cyborg 9 (Zed), api/controllers/v2. */
import { Refused } from './http.ts';
import type { Call, Reply } from './http.ts';
import { namedUuid } from './seed.ts';

/** The message is itself JSON, in a string. */
export function cyborgError(status: number, message: string): Refused {
  const faultcode = status >= 500 ? 'Server' : 'Client';
  const fault = { faultcode, faultstring: message, debuginfo: null };
  return new Refused({ status, json: { error_message: JSON.stringify(fault) } });
}

export function cyborgVersionDocument(origin: string): Reply {
  const links = [{ rel: 'self', href: `${origin}/accelerator/v2/` }];
  const version = { id: 'v2.0', status: 'CURRENT', min_version: '2.0', max_version: '2.2', links };
  return { status: 200, json: version };
}

export function handleCyborg(call: Call): Reply {
  const [kind, id] = call.segments;
  if (call.method !== 'GET' || kind !== 'device_profiles' || id !== undefined)
    throw cyborgError(404, 'The resource could not be found.');
  const names = call.query.get('name')?.split(',') ?? null;
  const found = call.world.topology.device_profiles.filter(
    ({ name }) => names === null || names.includes(name),
  );
  const profiles = found.map(({ name, groups }) => {
    const uuid = namedUuid(`device_profile/${name}`);
    const href = `${call.origin}/accelerator/v2/device_profiles/${uuid}`;
    return { uuid, name, description: null, groups, updated_at: null, links: [{ rel: 'self', href }] };
  });
  return { status: 200, json: { device_profiles: profiles } };
}
