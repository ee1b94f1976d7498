import type { z } from 'zod';
import type { Role } from '../domain/model/token.ts';
import type { ErrorCode } from './errors.ts';

export const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const;
export type Method = (typeof METHODS)[number];

/** One operation of the API as a value. Its name in the table is the operation id. */
export interface Route {
  readonly method: Method;
  /** With parameters as OpenAPI writes them: `/v1/leases/{id}`. */
  readonly path: string;
  readonly tag: Tag;
  /** One line, imperative. */
  readonly summary: string;
  readonly description?: string;
  /** The least role that may do it; the engine is the one that decides. `public`: no token needed. */
  readonly role: Role | 'public';
  readonly params: z.ZodType<object> | null;
  readonly query: z.ZodType<object> | null;
  readonly body: z.ZodType<object> | null;
  /** Status of a success, and the schema of its JSON body; null: another content type. */
  readonly status: number;
  readonly response: z.ZodType<object> | null;
  /** Of a success; left out: `application/json`. */
  readonly contentType?: string;
  /** Errors that this operation can answer beside the common ones (`commonErrors`). */
  readonly errors: readonly ErrorCode[];
  /** Whether an Idempotency-Key makes a repetition answer the same instead of acting again. */
  readonly idempotent: boolean;
}

/** What a read is when nothing else is said; spread first. */
export const read = {
  method: 'GET',
  role: 'reader',
  params: null,
  query: null,
  body: null,
  status: 200,
  idempotent: false,
} as const;

/** What a command is when nothing else is said. */
export const command = {
  method: 'POST',
  params: null,
  query: null,
  body: null,
  status: 200,
  idempotent: true,
} as const;

/** What can be fetched without a token. */
export const open = { ...read, role: 'public' } as const;

export type Tag =
  | 'leases'
  | 'capacity'
  | 'waiting'
  | 'events'
  | 'operation'
  | 'usage'
  | 'access'
  | 'report'
  | 'service';

export const TAGS: Readonly<Record<Tag, string>> = {
  leases: 'Borrow GPUs and give them back.',
  capacity: 'What there is: flavors and hosts.',
  waiting: 'Who waits, for how long, and why.',
  events: 'What happened, as pages and as a stream.',
  operation: 'State and switches of the service.',
  usage: 'What was used, by whom, and when.',
  access: 'Projects, limits, and tokens.',
  report: 'Public GPU flavor report, compatible with deNBI/OpenstackGPUService.',
  service: 'Health, metrics, and this description.',
};

/** What any operation of this kind can answer, whatever it does. */
export function commonErrors(route: Route): readonly ErrorCode[] {
  const codes: ErrorCode[] = ['internal', 'misdirected_host'];
  if (route.role !== 'public') {
    codes.push('unauthenticated', 'forbidden', 'rate_limited', 'engine_stopped', 'overloaded');
    codes.push('malformed_header', 'revision_timeout', 'token_unusable', 'cloud_unavailable');
  }
  if (route.params !== null || route.query !== null || route.body !== null) codes.push('invalid_field');
  if (route.query !== null || route.body !== null) codes.push('unknown_field');
  if (route.method !== 'GET' && route.role !== 'public')
    codes.push('cross_origin', 'malformed_json', 'body_too_large', 'unsupported_media_type');
  if (route.body !== null) codes.push('missing_field');
  if (route.idempotent) codes.push('idempotency_mismatch');
  return codes;
}
