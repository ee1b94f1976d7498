/** What a request asks of its machine, as the domain keeps it; checked here, because the domain knows no profiles. */
import type { z } from 'zod';
import type { createLeaseBody } from '../../api/leases.ts';
import type { routes } from '../../api/routes.ts';
import { parseCidr } from '../../base/cidr.ts';
import { NO_SETUP, type Setup } from '../../domain/model/setup.ts';
import { isUserData } from '../../profiles/mime.ts';
import { renderUserData } from '../../profiles/render.ts';
import type { Call } from '../dispatch.ts';
import type { ServerOptions } from '../options.ts';
import { Problem } from '../problem.ts';
import { composed } from './profiles.ts';

type CreateBody = z.output<typeof createLeaseBody>;

/** Lengths that a key and an address add at most, so that what is accepted here fits later. */
const ROOM_FOR_KEY_AND_URL = 'x'.repeat(9000);

/** null: nothing. Throws a Problem that names the field. */
export function setupOf(
  { body, cloud, session, request }: Call<typeof routes.createLease>,
  { profiles: catalogue }: Pick<ServerOptions, 'profiles'>,
): Setup | null {
  const refs = body.profiles ?? [];
  const own = body.user_data ?? null;
  const sshFrom = [...new Set((body.ssh_from ?? []).map((from) => networkOf(from, request.ip)))];
  const composition = refs.length === 0 ? null : composed(catalogue, refs, gpusOf(body, session));
  if (own !== null && !isUserData(own)) throw notUserData();
  if (composition !== null || own !== null) {
    const rendered = renderUserData({
      sshPublicKey: ROOM_FOR_KEY_AND_URL,
      user: 'ubuntu',
      phoneHomeUrl: 'https://berth.example.org/',
      composition,
      own,
    });
    if (!rendered.ok) {
      const { message, fix } = rendered.error;
      throw new Problem('user_data_too_large', { detail: message, fix, field: 'user_data' });
    }
  }
  const setup: Setup = {
    profiles: refs,
    userData: own,
    sshFrom,
    network: body.network ?? null,
    address: body.address ?? null,
    userName: cloud?.userName ?? null,
    projectName: cloud?.projectName ?? null,
    expectedMs: composition?.expectedMs ?? 0,
  };
  return JSON.stringify(setup) === JSON.stringify(NO_SETUP) ? null : setup;
}

/** Of the flavor that is asked for; none where it is not known, which the engine will say. */
function gpusOf(
  { flavor, requirements }: CreateBody,
  session: Call<typeof routes.createLease>['session'],
): readonly string[] {
  if (flavor === undefined || flavor === null) return [requirements?.gpu ?? requirements?.class ?? ''];
  const found = session.flavor(flavor);
  return found.ok ? Object.keys(found.value.flavor.devices) : [];
}

/** `auto`: the caller's own address, as far as it can be seen. */
function networkOf(from: string, callerAddress: string): string {
  if (from !== 'auto') {
    const parsed = parseCidr(from);
    if (parsed.ok) return parsed.value;
    const fix = "Write a network like 192.0.2.0/24, an address, or 'auto' for your own.";
    throw new Problem('invalid_field', { detail: `ssh_from: ${parsed.error}`, fix, field: 'ssh_from' });
  }
  const address = callerAddress.replace(/^::ffff:(?=\d+\.)/i, '');
  const parsed = parseCidr(address);
  if (parsed.ok && !/^(?:127\.|::1\/)/.test(parsed.value)) return parsed.value;
  throw new Problem('invalid_field', {
    detail: `ssh_from: you are seen as ${address}, which no machine of a cloud could let in`,
    fix: 'Give the network from which you will log in, such as 192.0.2.0/24.',
    field: 'ssh_from',
  });
}

function notUserData(): Problem {
  return new Problem('invalid_field', {
    detail: 'user_data is of no kind that cloud-init knows',
    fix: "Begin it with '#cloud-config', '#!' and the name of a shell, or the headers of a MIME archive.",
    field: 'user_data',
  });
}
