import { assert } from '../base/assert.ts';

/** Nova's limit, on the encoded text (nova/api/openstack/compute/schemas/user_data.py, 26.2.2). */
const ENCODED_CHARS_MAX = 65_535;

/**
 * cloud-init user data that lets the borrower in with a public key, as the login user of the image. null: no
 * key, so nothing to say. JSON is YAML, and needs no quoting rules of its own. Source: cloud-init 22.4,
 * doc/examples/cloud-config-ssh-keys.txt, cloud-config-user-groups.txt (`system_info`).
 */
export function userData(sshPublicKey: string | null, user: string): string | null {
  if (sshPublicKey === null) return null;
  const config = {
    ssh_authorized_keys: [sshPublicKey.trim()],
    system_info: { default_user: { name: user } },
  };
  const text = `#cloud-config\n${JSON.stringify(config, null, 2)}\n`;
  assert(
    Buffer.from(text).toString('base64').length <= ENCODED_CHARS_MAX,
    'a public key fits into the user data',
  );
  return text;
}
