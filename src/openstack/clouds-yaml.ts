/**
 * One cloud of `clouds.yaml`: where it is looked for, and what of it Berth understands. What it does not
 * understand is an error, never a guess. Source: openstacksdk 0.101.0, openstack/config/loader.py.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { err, ok, type Result } from '../base/result.ts';
import type { Credentials, DomainRef, Scope } from './credentials.ts';
import type { SessionOptions } from './session.ts';

const text = z.union([z.string(), z.number()]).transform(String);

const authSchema = z.object({
  auth_url: z.string(),
  username: text.optional(),
  user_id: text.optional(),
  password: text.optional(),
  user_domain_id: text.optional(),
  user_domain_name: text.optional(),
  project_id: text.optional(),
  project_name: text.optional(),
  project_domain_id: text.optional(),
  project_domain_name: text.optional(),
  application_credential_id: text.optional(),
  application_credential_secret: text.optional(),
});

const cloudSchema = z.object({
  auth: authSchema,
  auth_type: z.string().default('password'),
  region_name: z.string().optional(),
  interface: z.enum(['public', 'internal', 'admin']).default('public'),
});

type Auth = z.output<typeof authSchema>;
type Login = Pick<SessionOptions, 'authUrl' | 'credentials' | 'region' | 'interfaces'>;

/** Reads the cloud `name` from the first clouds.yaml there is; the error says what is wrong where. */
export function readCloud(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): Result<Login, string> {
  const places = candidates(env, folder);
  const path = places.find((place) => existsSync(place));
  if (path === undefined) return err(`no clouds.yaml found (looked for ${places.join(', ')})`);
  let file: unknown;
  try {
    file = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return err(`${path}: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`);
  }
  const clouds = z.object({ clouds: z.record(z.string(), z.unknown()) }).safeParse(file);
  if (!clouds.success) return err(`${path} has no map 'clouds'`);
  const raw = clouds.data.clouds[name];
  if (raw === undefined)
    return err(`${path} has no cloud '${name}'; it has ${Object.keys(clouds.data.clouds).join(', ')}`);
  const parsed = cloudSchema.safeParse(raw);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return err(
      `${path}: clouds.${name}.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not understood'}`,
    );
  }
  const credentials = credentialsOf(parsed.data.auth_type, parsed.data.auth);
  if (!credentials.ok) return err(`${path}: clouds.${name}: ${credentials.error}`);
  return ok({
    authUrl: parsed.data.auth.auth_url,
    credentials: credentials.value,
    region: parsed.data.region_name ?? null,
    interfaces: [parsed.data.interface],
  });
}

function candidates(env: Readonly<Record<string, string | undefined>>, folder: string): readonly string[] {
  const named = env['OS_CLIENT_CONFIG_FILE'];
  const config = env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config');
  const folders = [folder, join(config, 'openstack'), '/etc/openstack'];
  const files = folders.flatMap((dir) => [join(dir, 'clouds.yaml'), join(dir, 'clouds.yml')]);
  return named === undefined || named === '' ? files : [named, ...files];
}

function credentialsOf(type: string, auth: Auth): Result<Credentials, string> {
  if (type === 'v3applicationcredential') {
    const { application_credential_id: id, application_credential_secret: secret } = auth;
    if (id === undefined || secret === undefined) {
      return err('auth needs application_credential_id and application_credential_secret');
    }
    return ok({ kind: 'applicationCredential', credential: { id }, secret });
  }
  if (type !== 'password' && type !== 'v3password') {
    return err(`auth_type '${type}' is not supported; use password or v3applicationcredential`);
  }
  if (auth.password === undefined) return err('auth.password is missing');
  const scope = scopeOf(auth);
  if (scope === null) return err('auth needs project_id, or project_name with its domain');
  const domain = domainOf(auth.user_domain_id, auth.user_domain_name);
  if (auth.user_id !== undefined)
    return ok({ kind: 'password', user: { id: auth.user_id }, password: auth.password, scope });
  if (auth.username === undefined) return err('auth.username is missing');
  return ok({ kind: 'password', user: { name: auth.username, domain }, password: auth.password, scope });
}

function scopeOf(auth: Auth): Scope | null {
  if (auth.project_id !== undefined) return { kind: 'project', project: { id: auth.project_id } };
  if (auth.project_name === undefined) return null;
  const domain = domainOf(auth.project_domain_id, auth.project_domain_name);
  return { kind: 'project', project: { name: auth.project_name, domain } };
}

function domainOf(id: string | undefined, name: string | undefined): DomainRef {
  if (id !== undefined) return { id };
  return name === undefined ? { id: 'default' } : { name };
}
