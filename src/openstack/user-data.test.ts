import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { userData } from './user-data.ts';

const NEITHER = { sshPublicKey: null, user: 'ubuntu', phoneHomeUrl: null };
const KEY = 'ssh-ed25519 AAAA ada@host';
const URL = 'https://berth.example.org/v1/phone-home/l1/s3cr3t';

test('without a key and a call there is nothing to say', () => {
  expect(userData(NEITHER)).toBeNull();
});

test('a key lets the login user in', () => {
  const text = userData({ ...NEITHER, sshPublicKey: `${KEY}\n` }) ?? '';
  expect(text.startsWith('#cloud-config\n')).toBe(true);
  expect(parse(text)).toEqual({
    ssh_authorized_keys: [KEY],
    system_info: { default_user: { name: 'ubuntu' } },
  });
});

test('the machine is told where to call, key or not', () => {
  const call = { phone_home: { url: URL, post: ['instance_id'], tries: 10 } };
  expect(parse(userData({ ...NEITHER, phoneHomeUrl: URL }) ?? '')).toEqual(call);
  expect(parse(userData({ ...NEITHER, sshPublicKey: KEY, phoneHomeUrl: URL }) ?? '')).toMatchObject(call);
});
