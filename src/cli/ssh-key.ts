import { join } from 'node:path';
import { parsePublicKey } from '../api/ssh-key.ts';
import { EXIT, CliFailure } from './failure.ts';
import type { CliIo } from './io.ts';

/** In the order in which ssh tries the identities of ssh_config(5). */
const DEFAULT_NAMES = ['id_ed25519.pub', 'id_ecdsa.pub', 'id_rsa.pub'] as const;

/** A pair of Berth's own, so that nothing that is there already is touched. */
const GENERATED_NAME = 'berth_ed25519';

/** Keys of an agent that are looked through; more are a mistake. */
const AGENT_KEYS_MAX = 100;

export interface KeyFile {
  /** Where it comes from, for people. */
  readonly path: string;
  /** The public key, one line. */
  readonly key: string;
  /** The private key that ssh has to be told of; null: it finds it by itself. */
  readonly identity: string | null;
}

/**
 * The public key that `wanted` names: a file, `agent`, or `generate`. null: the first usual one under ~/.ssh,
 * else the first of ssh-agent, else the one that was generated before. Resolves with null where there is
 * none.
 * A private key is refused here, before anything leaves this machine. Rejects with CliFailure.
 */
export async function readPublicKey(io: CliIo, wanted: string | null): Promise<KeyFile | null> {
  if (wanted === 'generate') return generated(io);
  if (wanted === 'agent') {
    const key = await agentKey(io);
    if (key !== null) return key;
    const fix = 'Start it with `eval $(ssh-agent)`, add a key with ssh-add, or use --key generate.';
    throw new CliFailure('ssh-agent has no key that can be used', fix, EXIT.usage);
  }
  if (wanted !== null)
    return keyOf(wanted, await io.readText(wanted).catch((error: unknown) => unreadable(wanted, error)));
  for (const name of DEFAULT_NAMES) {
    const candidate = join(io.homeDir, '.ssh', name);
    const text = await io.readText(candidate).catch(() => null);
    if (text !== null) return keyOf(candidate, text);
  }
  return (await agentKey(io)) ?? existing(io);
}

/** The private key that `berth ssh` names beside those that ssh finds by itself; null: there is none. */
export async function generatedIdentity(io: CliIo): Promise<string | null> {
  return (await existing(io))?.identity ?? null;
}

/** The first key of the agent that a machine accepts; null: no agent, or no such key. */
async function agentKey(io: CliIo): Promise<KeyFile | null> {
  if ((io.env['SSH_AUTH_SOCK'] ?? '') === '') return null;
  const listed = await io.captureProgram('ssh-add', ['-L']);
  if (listed === null || listed.code !== 0) return null;
  for (const line of listed.stdout.split('\n').slice(0, AGENT_KEYS_MAX)) {
    const parsed = parsePublicKey(line);
    if (parsed.ok)
      return { path: `ssh-agent (${commentOf(parsed.value)})`, key: parsed.value, identity: null };
  }
  return null;
}

function commentOf(key: string): string {
  return key.split(' ').slice(2).join(' ') || 'a key without a name';
}

async function existing(io: CliIo): Promise<KeyFile | null> {
  const identity = join(io.homeDir, '.ssh', GENERATED_NAME);
  const text = await io.readText(`${identity}.pub`).catch(() => null);
  return text === null ? null : { ...keyOf(`${identity}.pub`, text), identity };
}

/** Makes the pair unless it is there; the private key is readable by its owner alone, and not writable. */
async function generated(io: CliIo): Promise<KeyFile> {
  const before = await existing(io);
  if (before !== null) return before;
  const folder = join(io.homeDir, '.ssh');
  const identity = join(folder, GENERATED_NAME);
  await io.makeFolder(folder);
  const made = await io.captureProgram('ssh-keygen', [
    '-q',
    '-t',
    'ed25519',
    '-N',
    '',
    '-C',
    'berth',
    '-f',
    identity,
  ]);
  if (made === null || made.code !== 0) {
    const why = made === null ? 'there is no ssh-keygen on this machine' : made.stderr.trim();
    const fix = 'Install the OpenSSH client, or name a public key with --key FILE.';
    throw new CliFailure(`no key could be generated: ${why}`, fix);
  }
  await io.makeReadOnly(identity);
  const after = await existing(io);
  if (after !== null) return after;
  throw new CliFailure(`${identity}.pub is not there`, 'Name a public key with --key FILE.');
}

function keyOf(path: string, text: string): KeyFile {
  const parsed = parsePublicKey(text);
  if (parsed.ok) return { path, key: parsed.value, identity: null };
  const fix = 'Name the file that ends in .pub with --key, such as ~/.ssh/id_ed25519.pub.';
  throw new CliFailure(`${path}: ${parsed.error.message}`, fix, EXIT.usage);
}

function unreadable(path: string, error: unknown): never {
  const why = error instanceof Error ? error.message : 'unknown failure';
  throw new CliFailure(
    `the SSH key ${path} cannot be read: ${why}`,
    'Name a public key with --key.',
    EXIT.usage,
  );
}
