import { createClient, type Client } from '../client/client.ts';
import { authorizationOf, type GivenCredentials } from './credentials.ts';
import { UsageError } from './failure.ts';
import { paintFor, type Paint } from './format/style.ts';
import { printable } from './format/text-width.ts';
import type { CliIo } from './io.ts';
import { patientFetch } from './progress.ts';
import { versionedFetch } from './versioned-fetch.ts';

/** What a command works with. */
export interface CliContext {
  readonly io: CliIo;
  readonly client: Client;
  /** Colours for stdout. */
  readonly paint: Paint;
  /** Wall clock at the start of the command, ms: so that all times of one output fit together. */
  readonly nowMs: number;
  /** A line for the person on stderr. */
  readonly note: (text: string) => void;
}

/** How to reach the server, as given on the command line; null: left to the environment. */
export interface Connect extends GivenCredentials {
  readonly url: string | null;
  /** For one try of one call. */
  readonly timeoutMs: number | null;
}

export const URL_DEFAULT = 'http://localhost:8080';

/** Makes the context of a command that talks to a server. Reads the token file if one is named. */
export async function clientContext(io: CliIo, connect: Connect): Promise<CliContext> {
  const authorization = await authorizationOf(io, connect);
  const client = createClient({
    baseUrl: urlOf(io, connect.url),
    authorization,
    fetch: versionedFetch(io, patientFetch(io)),
    clock: io.clock,
    ...(connect.timeoutMs !== null && { timeoutMs: connect.timeoutMs }),
  });
  return { ...localContext(io), client };
}

/** The context of a command that needs no server. */
export function localContext(io: CliIo): CliContext {
  return {
    io,
    client: createClient({ baseUrl: URL_DEFAULT, fetch: io.fetch, clock: io.clock }),
    paint: paintFor(io, io.stdout),
    nowMs: io.clock.wallMs(),
    note: (text) => io.stderr.write(`${printable(text)}\n`),
  };
}

function urlOf(io: CliIo, option: string | null): string {
  const from = option === null ? 'BERTH_URL' : '--url';
  const url = option ?? (io.env['BERTH_URL'] || URL_DEFAULT);
  const parsed = URL.parse(url);
  if (parsed !== null && (parsed.protocol === 'http:' || parsed.protocol === 'https:')) return url;
  throw new UsageError(`${from} is no address of a server: '${url}'`, `Write it like ${URL_DEFAULT}.`);
}
