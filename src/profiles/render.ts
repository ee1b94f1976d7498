/**
 * User data for cloud-init: one `#cloud-config` document of all profiles, and a multi-part archive where the
 * borrower has data of their own. Why so: docs/adr/0013-profiles-as-one-document.md.
 */
import { gzipSync } from 'node:zlib';
import { stringify } from 'yaml';
import type { Json } from '../base/json.ts';
import { err, ok, type Result } from '../base/result.ts';
import { LIBRARY_SCRIPT, RUNNER, RUNNER_SCRIPT, SETUP_FOLDER } from './builtin/shell.ts';
import type { Composition } from './compose.ts';
import { archive, ownPart } from './mime.ts';
import type { ProfileFault, Values } from './profile.ts';

/** Nova's limit, on the encoded text (nova/api/openstack/compute/schemas/user_data.py, 26.2.2). */
export const ENCODED_CHARS_MAX = 65_535;

/** Tries of the machine to reach us, with growing pauses: about as long as a start may take. */
const CALL_TRIES = 10;

export interface MachineData {
  /** One line; null: no key is put on the machine. */
  readonly sshPublicKey: string | null;
  /** Login user of the image. */
  readonly user: string;
  /** Where the machine is to call: once it is up, or at each step where there are steps. null: nowhere. */
  readonly phoneHomeUrl: string | null;
  /** null: no profiles. */
  readonly composition: Composition | null;
  /** User data of the borrower's own, of any kind that cloud-init knows; null: none. */
  readonly own: string | null;
}

/** As it goes to Nova, before it is encoded; null: there is nothing to say. */
export function renderUserData(data: MachineData): Result<Buffer | null, ProfileFault> {
  const document = renderDocument(data);
  if (document === null && data.own === null) return ok(null);
  const text = data.own === null ? document : archive([ownPart(data.own), ...documentPart(document)]);
  return fitting(Buffer.from(text ?? ''));
}

/** The `#cloud-config` document without the borrower's own data; null: it would be empty. */
export function renderDocument(data: Omit<MachineData, 'own'>): string | null {
  const { sshPublicKey, user, phoneHomeUrl, composition } = data;
  const hasSteps = composition !== null && composition.steps.length > 0;
  const config: Record<string, Json> = {
    ...(sshPublicKey !== null && {
      ssh_authorized_keys: [sshPublicKey.trim()],
      system_info: { default_user: { name: user } },
    }),
    // With steps it is they that call: cloud-init would call at the end, whatever has become of them.
    ...(phoneHomeUrl !== null &&
      !hasSteps && { phone_home: { url: phoneHomeUrl, post: ['instance_id'], tries: CALL_TRIES } }),
    ...composition?.cloudConfig,
    ...(hasSteps && setup(composition, data)),
  };
  if (Object.keys(config).length === 0) return null;
  return `#cloud-config\n${stringify(config, { lineWidth: 0 })}`;
}

function documentPart(document: string | null): readonly { headers: Values; body: string }[] {
  if (document === null) return [];
  // It comes last and is merged by its own rule, whatever the parts before it are: lists are appended to
  // theirs, so that the steps follow the borrower's commands; where both set one value, the borrower's stays.
  // Source: cloud-init 22.4, cloudinit/handlers/cloud_config.py, cloudinit/mergers/m_dict.py, m_list.py.
  const headers = { 'Content-Type': 'text/cloud-config', 'Merge-Type': MERGE_TYPE };
  return [{ headers, body: document }];
}

const MERGE_TYPE = 'list(append)+dict(recurse_list,no_replace)+str()';

function setup(composition: Composition, data: Omit<MachineData, 'own'>): Record<string, Json> {
  const { steps, chosen, cloudConfig } = composition;
  const { user, phoneHomeUrl } = data;
  const file = (name: string, content: string, permissions = '0644'): Json => ({
    path: `${SETUP_FOLDER}/${name}`,
    content,
    permissions,
  });
  const before = cloudConfig['write_files'];
  const total = String(steps.length);
  return {
    write_files: [
      ...(Array.isArray(before) ? before : []),
      file('run', RUNNER_SCRIPT, '0755'),
      file('lib.sh', LIBRARY_SCRIPT),
      file('common.env', variables({ BERTH_USER: user })),
      ...(phoneHomeUrl === null ? [] : [file('url', `${phoneHomeUrl}\n`, '0600')]),
      ...chosen.map(({ profile, values }) =>
        file(`${profile.name}.env`, variables(prefixed(values)), '0600'),
      ),
      ...steps.map(({ script }, index) => file(`step-${index + 1}.sh`, `${script.trim()}\n`)),
    ],
    // As lists: cloud-init quotes each word for the shell (cloudinit/util.py, shellify).
    runcmd: [
      ...steps.map(({ profile, title, secondsMax }, index) => [
        RUNNER,
        String(index + 1),
        total,
        String(secondsMax),
        profile,
        title,
      ]),
      [RUNNER, 'end'],
    ],
  };
}

function prefixed(values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [`P_${key.toUpperCase().replaceAll('-', '_')}`, value]),
  );
}

/** A file of shell variables: in single quotes nothing means anything to a shell but the quote itself. */
function variables(values: Values): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}='${value.replaceAll("'", String.raw`'\''`)}'\n`)
    .join('');
}

/** Compressed only where it must be: what can be read in the dashboard helps whoever looks for a fault. */
function fitting(plain: Buffer): Result<Buffer, ProfileFault> {
  if (encodedChars(plain) <= ENCODED_CHARS_MAX) return ok(plain);
  const small = gzipSync(plain, { level: 9 });
  if (encodedChars(small) <= ENCODED_CHARS_MAX) return ok(small);
  return err({
    message: `The user data has ${encodedChars(small)} characters, compressed and encoded; ${ENCODED_CHARS_MAX} are possible.`,
    fix: 'Make your own user data smaller: let it fetch what is large.',
  });
}

function encodedChars({ length }: Buffer): number {
  return Math.ceil(length / 3) * 4;
}
