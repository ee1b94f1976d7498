/** From the settings of a cloud to how one logs in to it. */
import { nearest } from '../../base/nearest.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Credentials, DomainRef, Scope } from '../credentials.ts';
import {
  ALL_AUTH_KEYS,
  AUTH_KEYS,
  authTypeFor,
  isAuthType,
  OLD_AUTH_KEYS,
  type AuthType,
} from './auth-types.ts';
import type { CloudProblem } from './problem.ts';
import { isUnset, mapAt, type Settings } from './settings.ts';

/** Where a key of `auth` is written. */
type Where = (key: string) => string;
type Auth = Readonly<Record<string, string>>;

export interface AuthSettings {
  readonly type: AuthType;
  /** What of `auth` this type reads, as far as it is set; all values are text. */
  readonly auth: Auth;
}

/**
 * Reads auth_type and `auth`, into which options of that type count that stand beside it. What `auth` has
 * beyond them is a problem, as it is to the Python clients. Source: openstacksdk 0.101.0,
 * openstack/config/loader.py, _validate_auth.
 */
export function readAuth(settings: Settings, where: Where): Result<AuthSettings, readonly CloudProblem[]> {
  const { auth_type: type } = settings;
  if (!isAuthType(type)) return err([unknownType(type, where('auth_type'))]);
  const given = mapAt(settings, 'auth');
  const problems: CloudProblem[] = [];
  const auth: Record<string, string> = {};
  for (const key of AUTH_KEYS[type]) {
    const value = winner(key, given, settings);
    if (isUnset(value)) continue;
    if (typeof value === 'string') auth[key] = value;
    else problems.push({ where: where(`auth.${key}`), what: 'must be a text: put it in quotes' });
  }
  const read = new Set(AUTH_KEYS[type].flatMap((key) => [key, OLD_AUTH_KEYS[key] ?? key]));
  const others = Object.keys(given).filter((key) => !read.has(key) && !isUnset(given[key]));
  problems.push(...others.map((key) => ({ where: where(`auth.${key}`), what: notRead(key, type) })));
  return problems.length > 0 ? err(problems) : ok({ type, auth });
}

/** The URL of Keystone is checked elsewhere. Source: keystoneauth1 5.0.0, keystoneauth1/identity/v3. */
export function credentialsFrom(
  { type, auth }: AuthSettings,
  where: Where,
): Result<Credentials, readonly CloudProblem[]> {
  const missing = (keys: readonly string[]): readonly CloudProblem[] =>
    keys
      .filter((key) => auth[key] === undefined)
      .map((key) => ({ where: where(`auth.${key}`), what: 'is missing' }));
  switch (type) {
    case 'token':
    case 'v3token':
      return tokenFrom(auth, missing(['token']), where);
    case 'password':
    case 'v3password':
      return passwordFrom(auth, missing(['password']), where);
    case 'v3applicationcredential':
      return applicationCredentialFrom(auth, missing(['application_credential_secret']), where);
  }
}

function winner(key: string, given: Settings, settings: Settings): unknown {
  const old = OLD_AUTH_KEYS[key] ?? key;
  return [given[key], given[old], settings[key], settings[old]].find((value) => !isUnset(value));
}

function unknownType(type: unknown, where: string): CloudProblem {
  const name = typeof type === 'string' ? type : 'none';
  const types = Object.keys(AUTH_KEYS);
  const like = nearest(name, types);
  const guess = like === null ? '' : `; did you mean '${like}'?`;
  return { where, what: `auth_type '${name}' is not supported; use ${types.join(', ')}${guess}` };
}

function notRead(key: string, type: AuthType): string {
  if (!ALL_AUTH_KEYS.includes(key)) {
    const like = nearest(key, ALL_AUTH_KEYS);
    return like === null ? 'is no key of auth' : `is no key of auth; did you mean '${like}'?`;
  }
  const other = authTypeFor(key);
  const remedy = other === null ? 'remove it' : `remove it, or set auth_type: ${other}`;
  return `is not read with auth_type ${type}: ${remedy}`;
}

function tokenFrom(
  auth: Auth,
  missing: readonly CloudProblem[],
  where: Where,
): Result<Credentials, readonly CloudProblem[]> {
  const scope = scopeOf(auth, where);
  if (!scope.ok) return err([...missing, scope.error]);
  if (missing.length > 0) return err(missing);
  return ok({ kind: 'token', token: auth['token'] ?? '', scope: scope.value });
}

function passwordFrom(
  auth: Auth,
  missing: readonly CloudProblem[],
  where: Where,
): Result<Credentials, readonly CloudProblem[]> {
  const problems = [...missing];
  const user = userOf(auth);
  if (user === null) problems.push({ where: where('auth.username'), what: 'is missing (or user_id)' });
  const scope = scopeOf(auth, where);
  if (!scope.ok) problems.push(scope.error);
  if (problems.length > 0 || user === null || !scope.ok) return err(problems);
  return ok({ kind: 'password', user, password: auth['password'] ?? '', scope: scope.value });
}

function applicationCredentialFrom(
  auth: Auth,
  missing: readonly CloudProblem[],
  where: Where,
): Result<Credentials, readonly CloudProblem[]> {
  const problems = [...missing];
  const { application_credential_id: id, application_credential_name: name } = auth;
  const scopes = SCOPES.flatMap(([, keys]) => keys).filter((key) => auth[key] !== undefined);
  const what = 'must not be set: an application credential is for one project, which Keystone knows';
  problems.push(...scopes.map((key) => ({ where: where(`auth.${key}`), what })));
  const user = userOf(auth);
  if (id === undefined && name === undefined) {
    const remedy = 'is missing (or application_credential_name with the user whose it is)';
    problems.push({ where: where('auth.application_credential_id'), what: remedy });
  } else if (id === undefined && user === null) {
    const remedy = 'is missing (or user_id): names of application credentials are unique to their user';
    problems.push({ where: where('auth.username'), what: remedy });
  }
  if (problems.length > 0) return err(problems);
  const secret = auth['application_credential_secret'] ?? '';
  if (id !== undefined) return ok({ kind: 'applicationCredential', credential: { id }, secret });
  if (name === undefined || user === null) return err(problems);
  return ok({ kind: 'applicationCredential', credential: { name, user }, secret });
}

function userOf(auth: Auth): Extract<Credentials, { kind: 'password' }>['user'] | null {
  if (auth['user_id'] !== undefined) return { id: auth['user_id'] };
  if (auth['username'] === undefined) return null;
  return { name: auth['username'], domain: domainOf(auth, 'user_domain') };
}

/** What a token may be for, and the keys that say so. */
const SCOPES = [
  ['project', ['project_id', 'project_name']],
  ['domain', ['domain_id', 'domain_name']],
  ['trust', ['trust_id']],
  ['system', ['system_scope']],
] as const;

/** `system_scope` beside another one is refused too, where keystoneauth1 silently leaves it out. */
function scopeOf(auth: Auth, where: Where): Result<Scope, CloudProblem> {
  const named = SCOPES.flatMap(([kind, keys]) => {
    const key = keys.find((each) => auth[each] !== undefined);
    return key === undefined ? [] : [{ kind, key }];
  });
  if (named.length > 1) {
    const all = named.map(({ kind, key }) => `${kind} (${key})`).join(' and ');
    return err({ where: where('auth'), what: `a token is for one of these: ${all}; remove the others` });
  }
  switch (named[0]?.kind) {
    case 'project':
      return ok({ kind: 'project', project: projectOf(auth) });
    case 'domain':
      return ok({ kind: 'domain', domain: scopeDomainOf(auth) });
    case 'trust':
      return ok({ kind: 'trust', trustId: auth['trust_id'] ?? '' });
    case 'system':
      if (auth['system_scope'] === 'all') return ok({ kind: 'system' });
      return err({ where: where('auth.system_scope'), what: "must be 'all': Keystone has no other" });
    case undefined:
      return ok({ kind: 'default' });
  }
}

function projectOf(auth: Auth): Extract<Scope, { kind: 'project' }>['project'] {
  if (auth['project_id'] !== undefined) return { id: auth['project_id'] };
  return { name: auth['project_name'] ?? '', domain: domainOf(auth, 'project_domain') };
}

function scopeDomainOf({ domain_id: id, domain_name: name }: Auth): DomainRef {
  return id === undefined ? { name: name ?? '' } : { id };
}

/**
 * By id before by name, and before both `default_domain_*` of their kind. Named nowhere, it is the domain
 * with the id `default`, as the openstack command has it (python-openstackclient 6.0,
 * openstackclient/common/clientmanager.py).
 */
function domainOf(auth: Auth, prefix: string): DomainRef {
  const id = auth[`${prefix}_id`] ?? auth['default_domain_id'];
  if (id !== undefined) return { id };
  const name = auth[`${prefix}_name`] ?? auth['default_domain_name'];
  return name === undefined ? { id: 'default' } : { name };
}
