import { VERSION_HEADER, versionSkew } from '../api/version.ts';
import type { CliIo } from './io.ts';

/**
 * `fetch` that tells the server which version asks, and says on stderr, once, when the server's is so far
 * away that they may misunderstand each other. Nothing is refused: most calls will work.
 */
export function versionedFetch(io: CliIo, inner: typeof fetch): typeof fetch {
  let isSaid = false;
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('user-agent', `berth/${io.version}`);
    const reply = await inner(input, { ...init, headers });
    const server = reply.headers.get(VERSION_HEADER) ?? '';
    const skew = versionSkew(io.version, server);
    if (isSaid || skew === null || skew === 'near') return reply;
    isSaid = true;
    io.stderr.write(
      `Note: the server is Berth ${server}, this is ${io.version}: more than one minor version apart. ` +
        `Upgrade ${skew === 'older' ? 'the server' : 'this berth'}.\n`,
    );
    return reply;
  };
}
