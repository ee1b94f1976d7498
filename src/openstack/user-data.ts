import { assert } from '../base/assert.ts';

/** Nova's limit, on the encoded text (nova/api/openstack/compute/schemas/user_data.py, 26.2.2). */
const ENCODED_CHARS_MAX = 65_535;

/** Tries of the machine to reach us, with growing pauses: about as long as a start may take. */
const CALL_TRIES = 10;

/**
 * cloud-init user data: lets the borrower in with a public key, as the login user of the image, and has the
 * machine call `phoneHomeUrl` once it is up. null: neither, so nothing to say. JSON is YAML, and needs no
 * quoting rules of its own. Source: cloud-init 22.4, doc/examples/cloud-config-ssh-keys.txt,
 * cloud-config-user-groups.txt (`system_info`), cloudinit/config/cc_phone_home.py.
 */
export function userData(options: {
  readonly sshPublicKey: string | null;
  readonly user: string;
  readonly phoneHomeUrl: string | null;
}): string | null {
  const { sshPublicKey, user, phoneHomeUrl } = options;
  if (sshPublicKey === null && phoneHomeUrl === null) return null;
  const config = {
    ...(sshPublicKey !== null && {
      ssh_authorized_keys: [sshPublicKey.trim()],
      system_info: { default_user: { name: user } },
    }),
    ...(phoneHomeUrl !== null && {
      phone_home: { url: phoneHomeUrl, post: ['instance_id'], tries: CALL_TRIES },
    }),
  };
  const text = `#cloud-config\n${JSON.stringify(config, null, 2)}\n`;
  assert(
    Buffer.from(text).toString('base64').length <= ENCODED_CHARS_MAX,
    'a public key and a URL fit into the user data',
  );
  return text;
}
