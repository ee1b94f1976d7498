/** The ways to log in, and which keys of `auth` each of them reads. */

const TARGET = ['auth_url', 'system_scope', 'domain_id', 'domain_name', 'project_id', 'project_name'];
const SCOPED = [...TARGET, 'project_domain_id', 'project_domain_name', 'trust_id'];
const GENERIC = [...SCOPED, 'default_domain_id', 'default_domain_name'];
const USER = ['user_id', 'username', 'user_domain_id', 'user_domain_name'];
const APPLICATION_CREDENTIAL = [
  'application_credential_id',
  'application_credential_name',
  'application_credential_secret',
];

export type AuthType = 'password' | 'v3password' | 'token' | 'v3token' | 'v3applicationcredential';

/**
 * Those that have a Keystone behind them and need nobody at the keyboard. Source: keystoneauth1 5.0.0,
 * keystoneauth1/loading/_plugins/identity and loading/identity.py.
 */
export const AUTH_KEYS: Readonly<Record<AuthType, readonly string[]>> = {
  password: [...GENERIC, ...USER, 'password'],
  v3password: [...SCOPED, ...USER, 'password'],
  token: [...GENERIC, 'token'],
  v3token: [...SCOPED, 'token'],
  v3applicationcredential: [...SCOPED, ...USER, ...APPLICATION_CREDENTIAL],
};

/** Old names that are read where the new one is not set. */
export const OLD_AUTH_KEYS: Readonly<Record<string, string>> = { username: 'user_name' };

/** Every key that some way of logging in reads. */
export const ALL_AUTH_KEYS: readonly string[] = [...new Set(Object.values(AUTH_KEYS).flat())];

export function isAuthType(name: unknown): name is AuthType {
  return typeof name === 'string' && Object.hasOwn(AUTH_KEYS, name);
}

/** The way to log in that a key was most likely written for; null: several read it. */
export function authTypeFor(key: string): AuthType | null {
  if (APPLICATION_CREDENTIAL.includes(key)) return 'v3applicationcredential';
  if (key === 'token') return 'token';
  if (key === 'password' || key === 'username' || key === 'user_id') return 'password';
  return null;
}
