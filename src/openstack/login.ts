import type { Clock } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import { ProviderError } from '../engine/ports.ts';
import type { Credentials } from './credentials.ts';
import { createHttp, type Fetch, type Http } from './http.ts';
import { ownProjectsOf } from './keystone/projects.ts';
import { identityUrl, issueToken } from './keystone/tokens.ts';

/** Why no token was issued. */
export type LoginFailure =
  /** User, password, secret or token: Keystone does not tell which. */
  | { readonly kind: 'bad_credentials' }
  /** They are good, but not for the wanted project; `projects`: names of those they are good for. */
  | { readonly kind: 'bad_project'; readonly projects: readonly string[] }
  | { readonly kind: 'untrusted_certificate'; readonly why: string }
  | { readonly kind: 'unreachable'; readonly why: string }
  /** Something answers, but it is no Keystone v3, or it refuses for another reason. */
  | { readonly kind: 'refused'; readonly why: string };

export interface LoginOptions {
  readonly authUrl: string;
  readonly credentials: Credentials;
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Upper limit of each exchange, ms. */
  readonly callTimeoutMs: number;
}

/**
 * A token for somebody who calls in person. One that is given without a scope is taken as it is; its holder
 * could not widen it. Where Keystone refuses, asks once more without the project, to tell what is wrong:
 * Keystone answers 401 to both (keystone 22, keystone/auth/core.py).
 */
export async function logIn(options: LoginOptions): Promise<Result<string, LoginFailure>> {
  const { credentials } = options;
  if (credentials.kind === 'token' && credentials.scope.kind === 'default') return ok(credentials.token);
  const http = createHttp({ ...options, timeoutMs: options.callTimeoutMs });
  try {
    return ok((await issueToken(http, options.authUrl, credentials)).secret);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const isRefused = error.code === 'unauthorized' || error.code === 'forbidden';
    return err(isRefused ? await refusalOf(http, options) : failureOf(error, credentials));
  }
}

async function refusalOf(http: Http, options: LoginOptions): Promise<LoginFailure> {
  const { credentials, authUrl } = options;
  const isScoped = 'scope' in credentials && credentials.scope.kind === 'project';
  if (!isScoped) return { kind: 'bad_credentials' };
  try {
    const { secret } = await issueToken(http, authUrl, { ...credentials, scope: { kind: 'unscoped' } });
    const projects = await ownProjectsOf(http, identityUrl(authUrl), secret);
    return { kind: 'bad_project', projects: projects.map(({ name }) => name) };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { kind: 'bad_credentials' };
  }
}

function failureOf(error: ProviderError, credentials: Credentials): LoginFailure {
  const code = systemCode(error);
  if (CERTIFICATE_CODES.has(code)) return { kind: 'untrusted_certificate', why: code };
  if (error.code === 'unavailable' || error.code === 'no_reply')
    return { kind: 'unreachable', why: error.message };
  // Of a token that has expired, Keystone says that it cannot be found.
  if (credentials.kind === 'token' && error.code === 'not_found') return { kind: 'bad_credentials' };
  return { kind: 'refused', why: error.message };
}

/** `fetch` fails with a TypeError whose cause has the system's code. */
function systemCode(error: Error): string {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string' && at !== error) return at.code;
  }
  return '';
}

const CERTIFICATE_CODES: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);
