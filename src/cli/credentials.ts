import { bearer, cloudTokens, type Authorization } from '../client/authorization.ts';
import { CliFailure, EXIT, UsageError } from './failure.ts';
import type { CliIo } from './io.ts';

/** Who the caller is, as given on the command line; null: left to the environment. */
export interface GivenCredentials {
  readonly token: string | null;
  readonly osCloud: string | null;
}

type Source =
  | { readonly kind: 'token'; readonly from: string; readonly token: string }
  | { readonly kind: 'tokenFile'; readonly path: string }
  /** `cloud` null: the one that OS_AUTH_URL and its like describe. */
  | { readonly kind: 'cloud'; readonly cloud: string | null }
  | { readonly kind: 'none' };

/**
 * How to prove who the caller is: --token, --os-cloud, BERTH_TOKEN, BERTH_TOKEN_FILE, OS_CLOUD, OS_*; the
 * first that is given. A clouds.yaml that lies around is not used by itself. Nothing is asked of a cloud
 * before the first request is sent.
 */
export async function authorizationOf(io: CliIo, given: GivenCredentials): Promise<Authorization> {
  const source = sourceOf(io.env, given);
  switch (source.kind) {
    case 'token':
      return bearer(checked(source.token.trim(), source.from));
    case 'tokenFile':
      return bearer(await tokenIn(io, source.path));
    case 'cloud':
      return cloudTokens(async () => {
        const issued = await io.clouds.logIn(source.cloud);
        // A server that reaches the Keystone under another address knows the cloud by a name of its own.
        return { ...issued, cloud: io.env['BERTH_CLOUD'] || issued.cloud };
      });
    case 'none':
      return bearer(null);
  }
}

/** What to do about a token that the server does not accept, or about none. */
export async function credentialsFix(io: CliIo, given: GivenCredentials): Promise<string> {
  const source = sourceOf(io.env, given);
  if (source.kind === 'cloud') {
    return source.cloud === null
      ? 'The server does not serve the cloud of OS_AUTH_URL, or not this project of it: check both, or unset OS_AUTH_URL.'
      : `The server does not serve the cloud '${source.cloud}': choose another with OS_CLOUD, or unset it.`;
  }
  const fix = 'Put a valid token into BERTH_TOKEN, or its file into BERTH_TOKEN_FILE';
  const known = source.kind === 'none' ? await io.clouds.known() : [];
  const [first] = known;
  return first === undefined
    ? `${fix}.`
    : `${fix}; or log in to a cloud of your clouds.yaml (${known.join(', ')}): OS_CLOUD=${first}.`;
}

function sourceOf(env: CliIo['env'], given: GivenCredentials): Source {
  if (given.token !== null && given.osCloud !== null) {
    throw new UsageError('--token and --os-cloud are both given', 'Leave one of them out.');
  }
  if (given.token !== null) return { kind: 'token', from: '--token', token: given.token };
  if (given.osCloud !== null) return { kind: 'cloud', cloud: given.osCloud };
  if (env['BERTH_TOKEN']) return { kind: 'token', from: 'BERTH_TOKEN', token: env['BERTH_TOKEN'] };
  if (env['BERTH_TOKEN_FILE']) return { kind: 'tokenFile', path: env['BERTH_TOKEN_FILE'] };
  if (env['OS_CLOUD']) return { kind: 'cloud', cloud: env['OS_CLOUD'] };
  return env['OS_AUTH_URL'] ? { kind: 'cloud', cloud: null } : { kind: 'none' };
}

async function tokenIn(io: CliIo, path: string): Promise<string> {
  const content = await io.readText(path).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : 'unknown failure';
    throw new CliFailure(`the token file cannot be read: ${why}`, 'Correct BERTH_TOKEN_FILE.', EXIT.usage);
  });
  return checked(content.trim(), 'the file of BERTH_TOKEN_FILE');
}

/**
 * What cannot stand in a header would fail in `fetch`, whose message repeats it. Never part of any message:
 * whatever is wrong with a token is said without it.
 */
function checked(token: string, from: string): string {
  if (/^[\x21-\x7E]+$/.test(token)) return token;
  throw new UsageError(`${from} is not a token`, 'A token is one word of letters, digits and signs.');
}
