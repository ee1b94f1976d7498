import { join } from 'node:path';
import type { CliIo } from './io.ts';

/**
 * Where the host key of a lease's machine is kept: a file of its own, because addresses are used again by
 * machines of other leases, whose other key ssh would take for an attack. Source: XDG Base Directory
 * Specification 0.8 (`XDG_STATE_HOME`).
 */
export function hostKeysPath(io: CliIo, leaseId: string): string {
  return join(folderOf(io), leaseId);
}

/** Makes the folder for `hostKeysPath`. */
export async function prepareHostKeys(io: CliIo): Promise<void> {
  await io.makeFolder(folderOf(io));
}

/** The machine is gone: nothing will ever answer with this key again. */
export async function forgetHostKeys(io: CliIo, leaseId: string): Promise<void> {
  await io.removeFile(hostKeysPath(io, leaseId));
}

function folderOf(io: CliIo): string {
  const state = io.env['XDG_STATE_HOME'] || join(io.homeDir, '.local', 'state');
  return join(state, 'berth', 'known_hosts');
}
