/** The command line of ssh for a lease, as words and as text for a shell. */

export interface SshTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Private key, or null: those that ssh finds by itself. */
  readonly identity: string | null;
  /** File of the host keys that are known of this machine. */
  readonly knownHosts: string;
  /** To be run there; empty: a login. */
  readonly command: readonly string[];
}

/** A machine that is there answers in milliseconds; ssh itself would wait for minutes. */
const CONNECT_TIMEOUT_SECONDS = 10;

/**
 * The arguments of ssh(1). The key that the machine shows first is accepted and then required; keys of other
 * machines that had its address, in files of the user or of the system, count for nothing.
 */
export function sshArguments(target: SshTarget): readonly string[] {
  const { host, port, user, identity, knownHosts, command } = target;
  return [
    '-p',
    String(port),
    '-l',
    user,
    ...(identity === null ? [] : ['-i', identity]),
    '-o',
    `ConnectTimeout=${CONNECT_TIMEOUT_SECONDS}`,
    '-o',
    'StrictHostKeyChecking=accept-new',
    '-o',
    `UserKnownHostsFile=${configWord(knownHosts)}`,
    '-o',
    'GlobalKnownHostsFile=/dev/null',
    host,
    ...(command.length === 0 ? [] : ['--', ...command]),
  ];
}

/** Words as a POSIX shell takes them back. */
export function shellQuoted(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}

/** A path as ssh_config(5) reads it: `%` begins a token, and blanks separate files unless it is quoted. */
function configWord(path: string): string {
  const escaped = path.replaceAll('%', '%%');
  return /[\s"]/.test(escaped) ? `"${escaped.replaceAll('"', '\\"')}"` : escaped;
}
