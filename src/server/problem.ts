import { errorCatalogue, problemType, type ErrorCode, type ProblemJson } from '../api/errors.ts';
import type { Json } from '../base/json.ts';
import type { Refusal } from '../domain/decision.ts';

export const PROBLEM_TYPE = 'application/problem+json';

export interface ProblemFields {
  readonly detail: string;
  readonly fix?: string;
  readonly field?: string | null;
  readonly details?: { readonly [key: string]: Json };
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Ends a request with an error of the catalogue. Thrown in handlers, answered in one place. What it holds is
 * public: causes for the log go into `options.cause`.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ErrorCode;
  readonly fix: string;
  readonly field: string | null;
  readonly details: { readonly [key: string]: Json };
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, fields: ProblemFields, options?: ErrorOptions) {
    super(fields.detail, options);
    this.code = code;
    this.fix = fields.fix ?? errorCatalogue[code].whatToDo;
    this.field = fields.field ?? null;
    this.details = fields.details ?? {};
    this.headers = fields.headers ?? {};
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }

  /** The body on the wire. */
  body(requestId: string): ProblemJson {
    return {
      type: problemType(this.code),
      title: errorCatalogue[this.code].title,
      status: this.status,
      detail: this.message,
      code: this.code,
      field: this.field,
      fix: this.fix,
      details: this.details,
      request_id: requestId,
    };
  }
}

/** How long clients wait before they try a busy service again, seconds. */
const RETRY_AFTER_SECONDS = '5';

/** What the domain refused, as an answer. */
export function refused(refusal: Refusal): Problem {
  const busy = errorCatalogue[refusal.code].status === 503;
  return new Problem(refusal.code, {
    detail: refusal.message,
    fix: refusal.fix,
    field: wireField(refusal.field),
    details: refusal.details,
    ...(busy && { headers: { 'retry-after': RETRY_AFTER_SECONDS } }),
  });
}

/** A value, or the refusal as an answer. */
export function found<T>(
  result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal },
): T {
  if (!result.ok) throw refused(result.refusal);
  return result.value;
}

/**
 * Fields of commands as the wire spells them: `durationMs` is `duration` there, `sshPublicKey` is
 * `ssh_public_key`.
 */
function wireField(field: string | null): string | null {
  if (field === null) return null;
  const renamed = FIELD_NAMES[field];
  return renamed ?? field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const FIELD_NAMES: Readonly<Record<string, string>> = {
  durationMs: 'duration',
  expiresAtMs: 'expires_at',
  waitUntilMs: 'wait',
  wanted: 'flavor',
  flavorId: 'flavor',
  hostId: 'host',
  window: 'from',
  'window.fromMs': 'from',
  fromMs: 'from',
  untilMs: 'until',
  leaseIds: 'count',
  leaseId: 'id',
  projectId: 'project_id',
};
