/**
 * `fetch` with a cloud's own TLS settings. Node's has no option for them, so this takes undici's, of which
 * Node's is an older copy; the `dispatcher` of one is not made for the other. Without such settings it is
 * Node's own.
 */
import { readFileSync } from 'node:fs';
import { Agent, fetch as undiciFetch } from 'undici';
import { err, ok, type Result } from '../base/result.ts';
import type { Fetch } from './http.ts';

/** What TLS needs beside Node's own certificates; paths are complete. */
export interface TlsFiles {
  /** False: any certificate is taken, from anybody. */
  readonly verify: boolean;
  /** Certificates of the authorities that are trusted instead of the well-known ones. */
  readonly caPath: string | null;
  /** Our own certificate, for servers that want one; its key may be in the same file. */
  readonly certPath: string | null;
  readonly keyPath: string | null;
}

/** Reads the files at once; the error names the one that cannot be read or used. */
export function createFetch(tls: TlsFiles): Result<Fetch, string> {
  const { verify, caPath, certPath } = tls;
  if (verify && caPath === null && certPath === null) return ok(fetch);
  const keyPath = tls.keyPath ?? certPath;
  const connect: { ca?: string; cert?: string; key?: string; rejectUnauthorized: boolean } = {
    rejectUnauthorized: verify,
  };
  for (const [option, path] of [
    ['ca', caPath],
    ['cert', certPath],
    ['key', keyPath],
  ] as const) {
    if (path === null) continue;
    const read = readPem(path, option);
    if (!read.ok) return read;
    connect[option] = read.value;
  }
  const dispatcher = new Agent({ connect });
  return ok(async (url, init) => {
    const { status, headers, body } = await undiciFetch(url, { ...init, dispatcher });
    return new Response(body, { status, headers: [...headers] });
  });
}

function readPem(path: string, option: 'ca' | 'cert' | 'key'): Result<string, string> {
  const wanted =
    option === 'key' ? /-----BEGIN [A-Z ]*PRIVATE KEY-----/ : /-----BEGIN [A-Z ]*CERTIFICATE-----/;
  try {
    const text = readFileSync(path, 'utf8');
    return wanted.test(text) ? ok(text) : err(`${path} (${OPTION_KEYS[option]}) is no PEM file of that kind`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return err(`${path} (${OPTION_KEYS[option]}) cannot be read (${code})`);
  }
}

const OPTION_KEYS = { ca: 'cacert', cert: 'cert', key: 'key' } as const;
