import type { Json } from '../base/json.ts';
import type { ProblemJson } from '../api/errors.ts';

/** The server answered with an error. Its members are those of the problem document. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  /** Name in the error catalogue; `unexpected_reply` when what answered does not speak this API. */
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly field: string | null;
  readonly fix: string;
  readonly details: { readonly [key: string]: Json };
  readonly requestId: string;

  constructor(problem: Omit<ProblemJson, 'type'>) {
    super(problem.detail);
    this.status = problem.status;
    this.code = problem.code;
    this.title = problem.title;
    this.detail = problem.detail;
    this.field = problem.field;
    this.fix = problem.fix;
    this.details = problem.details;
    this.requestId = problem.request_id;
  }
}

/** The server could not be reached, or the connection broke. `fix` is the next step for a person. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly url: string;
  readonly fix: string;
  /** True when nothing can have reached the server: refused, unknown name, bad certificate. */
  readonly unsent: boolean;

  constructor(url: string, reason: unknown) {
    const code = reasonCode(reason);
    super(`cannot reach ${url}: ${reasonText(reason, code)}`, { cause: reason });
    this.url = url;
    this.unsent = UNSENT.has(code) || CERTIFICATE.has(code);
    this.fix = CERTIFICATE.has(code)
      ? 'The certificate is not trusted: name its authority in NODE_EXTRA_CA_CERTS.'
      : `Is 'berth serve' running at ${url}? Check the address and that no firewall is in between.`;
  }
}

const UNSENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

const CERTIFICATE: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
]);

/** `fetch` fails with a TypeError whose cause has the system's code. */
function reasonCode(reason: unknown): string {
  for (let at: unknown = reason, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return '';
}

function reasonText(reason: unknown, code: string): string {
  if (reason instanceof Error && reason.name === 'TimeoutError') return 'no answer in time';
  if (code !== '') return code;
  return reason instanceof Error ? reason.message : 'unknown failure';
}
