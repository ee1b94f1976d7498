/**
 * A database's address as libpq writes it (PostgreSQL 15, 34.1.1.2), several hosts included:
 * `postgresql://berth@db1:5432,db2:5432/berth?sslmode=verify-full`. What is not understood is refused, never
 * ignored: a misspelt sslmode would be no protection.
 */
import { userInfo } from 'node:os';
import { nearest } from '../../base/nearest.ts';
import { err, ok, type Result } from '../../base/result.ts';

export interface HostPort {
  /** A name, an address, or the folder of a Unix socket (begins with a slash). */
  readonly host: string;
  readonly port: number;
}

const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

export interface Address {
  /** In the order in which they are tried. At least one. */
  readonly hosts: readonly HostPort[];
  readonly user: string;
  /** As the URL has it; null: it is said elsewhere, or not needed. */
  readonly password: string | null;
  readonly database: string;
  readonly sslMode: SslMode;
  /** Path of a PEM file; null: the certificates that Node trusts. */
  readonly sslRootCert: string | null;
  /** How long one host may take to accept us, ms; null: not said. */
  readonly connectTimeoutMs: number | null;
}

const PARAMETERS = ['host', 'port', 'user', 'dbname', 'sslmode', 'sslrootcert', 'connect_timeout'] as const;
const PORT_DEFAULT = 5432;
const SOCKET_FOLDER = '/var/run/postgresql';
const HOSTS_MAX = 8;
/** The last @ ends the user's part: one in a password may have been written as it is. */
const SHAPE = /^postgres(?:ql)?:\/\/(?:([^/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/;

/** The error is one sentence, and never contains the password. */
export function parseAddress(url: string): Result<Address, string> {
  const match = SHAPE.exec(url);
  if (match === null) return err('is not postgresql://USER@HOST:PORT/DATABASE');
  const parameters = new URLSearchParams(match[4] ?? '');
  for (const key of parameters.keys()) {
    if (key === 'password') return err('has a password among its parameters; use password_file');
    if (PARAMETERS.some((known) => known === key)) continue;
    const like = nearest(key, PARAMETERS);
    return err(`has an unknown parameter '${key}'${like === null ? '' : `; did you mean '${like}'?`}`);
  }
  const hosts = parseHosts(parameters.get('host') ?? match[2] ?? '', parameters.get('port'));
  if (!hosts.ok) return hosts;
  const sslMode = SSL_MODES.find((mode) => mode === (parameters.get('sslmode') ?? 'prefer'));
  if (sslMode === undefined) return err(`has no sslmode of ${SSL_MODES.join(', ')}`);
  const seconds = Number(parameters.get('connect_timeout') ?? Number.NaN);
  if (parameters.has('connect_timeout') && !(seconds >= 1 && seconds <= 60)) {
    return err('has a connect_timeout that is not 1 to 60 (seconds)');
  }
  try {
    const [name = '', ...rest] = (match[1] ?? '').split(':');
    const user = parameters.get('user') ?? (decodeURIComponent(name) || osUser());
    return ok({
      hosts: hosts.value,
      user,
      password: rest.length === 0 ? null : decodeURIComponent(rest.join(':')),
      database: parameters.get('dbname') ?? (decodeURIComponent(match[3] ?? '') || user),
      sslMode,
      sslRootCert: parameters.get('sslrootcert'),
      connectTimeoutMs: Number.isNaN(seconds) ? null : seconds * 1000,
    });
  } catch {
    return err('has a % that is not followed by two hexadecimal digits');
  }
}

/** The same address without its password: for people and logs. */
export function printAddress({ hosts, user, database }: Address): string {
  return `postgresql://${encodeURIComponent(user)}@${hosts.map(printHost).join(',')}/${encodeURIComponent(database)}`;
}

export function printHost({ host, port }: HostPort): string {
  if (host.startsWith('/')) return `${encodeURIComponent(host)}:${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A URL, right or wrong, without what stands between the user's name and the last @; for `config print`. */
export function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:@/?]*):.*@/, '$1@');
}

function parseHosts(text: string, ports: string | null): Result<readonly HostPort[], string> {
  const parts = text.split(',');
  if (parts.length > HOSTS_MAX) return err(`names more than ${HOSTS_MAX} hosts`);
  const portList = ports?.split(',') ?? [];
  const hosts: HostPort[] = [];
  for (const [index, part] of parts.entries()) {
    const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(part);
    const written = match?.[3] || portList[index] || portList[0];
    const port = written === undefined ? PORT_DEFAULT : Number(written);
    if (match === null || !Number.isInteger(port) || port < 1 || port > 65_535) {
      // Not shown: it may be a part of a password.
      return err('has a host that is not HOST or HOST:PORT; in a password / is written %2F, and ? %3F');
    }
    hosts.push({ host: decodeURIComponent(match[1] ?? match[2] ?? '') || SOCKET_FOLDER, port });
  }
  return ok(hosts);
}

function osUser(): string {
  return process.env['PGUSER'] ?? userInfo().username;
}
