/**
 * The one catalogue of errors: what a caller can be answered other than success. Bodies are
 * `application/problem+json` (RFC 9457). The reference page is generated from here, and a test compares it
 * with every code in the sources.
 */
import { z } from 'zod';
import type { RefusalCode } from '../domain/decision.ts';
import { anyJson } from './any-json.ts';

export interface ErrorEntry {
  readonly status: number;
  readonly title: string;
  /** When it is answered. */
  readonly when: string;
  /** What the caller does about it. */
  readonly whatToDo: string;
}

/** One entry for each way in which the domain says no. */
const refusals: Readonly<Record<RefusalCode, ErrorEntry>> = {
  not_found: {
    status: 404,
    title: 'Not found',
    when: 'There is no such thing, or the caller may not see it.',
    whatToDo: 'List what there is, and check the id and the project of the token.',
  },
  forbidden: {
    status: 403,
    title: 'Not allowed',
    when: 'The role of the token does not include this action.',
    whatToDo: 'Ask a manager of the project or an admin to do it, or for a token with the role.',
  },
  invalid: {
    status: 400,
    title: 'Invalid request',
    when: 'The values are well formed but do not make sense together.',
    whatToDo: 'Change what `detail` and `fix` name.',
  },
  missing_field: {
    status: 400,
    title: 'Field missing',
    when: 'A required field is not there.',
    whatToDo: 'Add the field that `field` names.',
  },
  time_in_past: {
    status: 400,
    title: 'Time is past',
    when: 'A start or an end lies before now.',
    whatToDo: 'Choose a later time; compare your clock with `now` of GET /v1/status.',
  },
  flavor_unknown: {
    status: 404,
    title: 'Unknown flavor',
    when: 'No flavor has this id or name, or none meets the requirements.',
    whatToDo: 'Choose one of GET /v1/flavors.',
  },
  cloud_unavailable: {
    status: 503,
    title: 'Cloud does not answer',
    when: 'A cloud could not be asked: about the token, or about what the lease needs. Nothing was made.',
    whatToDo: 'Wait as long as `Retry-After` says; GET /v1/status tells the state of each cloud.',
  },
  cloud_refused: {
    status: 422,
    title: 'Refused by the cloud',
    when: 'The cloud would refuse to make the server: no role in the project, no such image, no network.',
    whatToDo: 'Do what `detail` says; nothing was made.',
  },
  flavor_unavailable: {
    status: 409,
    title: 'Flavor cannot be borrowed',
    when: 'The flavor is disabled or misconfigured in its cloud.',
    whatToDo: 'Choose another flavor, or ask the operator of the cloud.',
  },
  host_unknown: {
    status: 404,
    title: 'Unknown host',
    when: 'No host has this id or name.',
    whatToDo: 'Choose one of GET /v1/hosts, or leave the host out.',
  },
  never_fits: {
    status: 422,
    title: 'Can never fit',
    when: 'No host could hold the request even if it were empty.',
    whatToDo: 'Ask for less; POST /v1/explain lists what each host lacks.',
  },
  no_capacity: {
    status: 409,
    title: 'Nothing free now',
    when: 'The request must start now or never, and nothing that fits is free.',
    whatToDo: 'Let it wait (leave `wait` out, or give a limit), or ask for something that is free.',
  },
  quota_exceeded: {
    status: 403,
    title: 'Over a limit',
    when: 'The project, or the user in it, may not hold that much at one moment, or may not have so many requests waiting.',
    whatToDo: 'Return something, ask for less, or ask an admin for a higher limit.',
  },
  budget_exceeded: {
    status: 403,
    title: 'Over the GPU-hours of a month',
    when:
      'With what is used, and what leases and windows will use until their ends, the project or the user would ' +
      'exceed its GPU-hours for a month.',
    whatToDo:
      'Ask for a shorter time (`fix` says which fits), wait for the next month, or ask an admin for more.',
  },
  queue_full: {
    status: 503,
    title: 'Queue full',
    when: 'Too many requests wait already.',
    whatToDo: 'Try again later, or remove requests of your project that are no longer needed.',
  },
  invalid_state: {
    status: 409,
    title: 'Not possible in this state',
    when: 'The lease, host, or service is in a state that does not allow the action.',
    whatToDo: 'Read it again; `detail` names the state and `fix` what is possible in it.',
  },
  promise_conflict: {
    status: 409,
    title: 'Promised to somebody else',
    when: 'The GPU was promised from a time that the request would run past.',
    whatToDo: 'Ask for a shorter time; `details` has the latest possible end.',
  },
  window_infeasible: {
    status: 409,
    title: 'Window not available',
    when: 'The wanted number of leases does not fit in the wanted window.',
    whatToDo: 'Choose another start, a shorter time, or fewer leases; POST /v1/explain shows when it fits.',
  },
  duration_too_long: {
    status: 400,
    title: 'Duration too long',
    when: 'The lease would last longer than the service allows.',
    whatToDo: 'Ask for a shorter time and extend it later.',
  },
  idempotency_mismatch: {
    status: 422,
    title: 'Idempotency-Key used before',
    when: 'The same key was sent with another request in the last 24 hours.',
    whatToDo: 'Use a new key for a new request; repeat the same request only unchanged.',
  },
  stale: {
    status: 409,
    title: 'Changed meanwhile',
    when: 'What the request was about has changed since it was read.',
    whatToDo: 'Read it again and decide anew.',
  },
  already_exists: {
    status: 409,
    title: 'Exists already',
    when: 'Something with this id or name is there already.',
    whatToDo: 'Use the existing one, or choose another id or name.',
  },
};

/** What is wrong with the request, the caller, or the service before the domain is asked. */
const transportErrors = {
  malformed_json: {
    status: 400,
    title: 'Body is not JSON',
    when: 'The body could not be parsed as JSON, or contains a forbidden key such as `__proto__`.',
    whatToDo: 'Send one JSON object in UTF-8.',
  },
  unknown_field: {
    status: 400,
    title: 'Unknown field',
    when: 'The request has a field that the route does not know.',
    whatToDo: 'Correct or remove it; `fix` names the nearest known field.',
  },
  invalid_field: {
    status: 400,
    title: 'Invalid field',
    when: 'A field has the wrong type, is out of range, or is malformed.',
    whatToDo: 'Correct the field that `field` names as `detail` says.',
  },
  malformed_duration: {
    status: 400,
    title: 'Not a duration',
    when: 'A duration could not be read, is zero, or is longer than 366 days.',
    whatToDo: 'Write it like 90s, 30m, 8h, 2d, 1w or 1h30m, or use the field in seconds.',
  },
  malformed_time: {
    status: 400,
    title: 'Not a time',
    when: 'A time could not be read.',
    whatToDo: 'Write ISO 8601 with a zone, such as 2026-11-21T14:32:00Z.',
  },
  malformed_public_key: {
    status: 400,
    title: 'Not an OpenSSH public key',
    when: 'The SSH key is not one line of an OpenSSH public key of a supported type.',
    whatToDo: 'Send the content of a file such as ~/.ssh/id_ed25519.pub.',
  },
  private_key: {
    status: 400,
    title: 'This is a private key',
    when: 'A private SSH key was sent instead of the public one. It was neither stored nor logged.',
    whatToDo:
      'Send the file that ends in .pub, and replace the key pair: the private key has left your machine.',
  },
  profile_unknown: {
    status: 404,
    title: 'Unknown profile',
    when: 'No profile has this name.',
    whatToDo: 'Choose one of GET /v1/profiles; `fix` names the nearest.',
  },
  profile_refused: {
    status: 422,
    title: 'Profiles do not go together',
    when: 'A parameter is unknown or not allowed, or profiles exclude each other or the GPU.',
    whatToDo: 'Do what `fix` says; nothing was made.',
  },
  user_data_too_large: {
    status: 422,
    title: 'User data too large',
    when: 'What the machine is to be given exceeds the limit of Nova, even compressed.',
    whatToDo: 'Make your own user data smaller: let it fetch what is large.',
  },
  malformed_header: {
    status: 400,
    title: 'Malformed header',
    when: 'Idempotency-Key, Berth-Min-Revision, or Last-Event-ID is malformed.',
    whatToDo: 'Correct the header that `field` names.',
  },
  malformed_url: {
    status: 400,
    title: 'Malformed URL',
    when: 'The path contains an invalid percent encoding.',
    whatToDo: 'Encode the path as UTF-8 with percent encoding.',
  },
  malformed_request: {
    status: 400,
    title: 'Malformed HTTP request',
    when: 'The request is not valid HTTP.',
    whatToDo: 'Check the client or the proxy in between.',
  },
  unauthenticated: {
    status: 401,
    title: 'Not authenticated',
    when: 'There is no token, or nobody here knows it (any more).',
    whatToDo:
      'Send `Authorization: Bearer <token>` with a token of Berth, or `X-Auth-Token: <token>` with one of the ' +
      "cloud's identity service.",
  },
  token_expired: {
    status: 401,
    title: 'Token expired',
    when: 'The token is known, but its time is over.',
    whatToDo: 'Ask a manager of the project for a new one (`berth token create`).',
  },
  token_unusable: {
    status: 403,
    title: 'Token not usable here',
    when:
      'The cloud knows the token, but it is not for a project, has no role that counts, or is restricted by ' +
      'access rules.',
    whatToDo: 'Log in for a project on which you have one of the roles reader, member, manager or admin.',
  },
  cloud_forbids: {
    status: 403,
    title: 'The cloud does not allow this',
    when: "Berth's own account in the cloud lacks the right to do it.",
    whatToDo: 'Let an administrator of the cloud run the command that `fix` shows.',
  },
  cross_origin: {
    status: 403,
    title: 'Request of another web site',
    when: 'The service is open (demo) and a web page of another origin tried to change something.',
    whatToDo: 'Use the API from a program or from a page of the service itself.',
  },
  route_not_found: {
    status: 404,
    title: 'No such route',
    when: 'No route has this path.',
    whatToDo: 'See /openapi.json or /ui/ for all routes.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    when: 'The path exists, but not with this method.',
    whatToDo: 'Use one of the methods in the `Allow` header.',
  },
  request_timeout: {
    status: 408,
    title: 'Request too slow',
    when: 'The request was not received completely in time.',
    whatToDo: 'Send it again over a faster connection.',
  },
  tls_required: {
    status: 400,
    title: 'TLS required',
    when: 'Plain HTTP was sent to a port that speaks TLS. A token in it has crossed the network in the clear.',
    whatToDo: 'Use `https://` in the address, and get another token for the one that was sent.',
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    when: 'The body is larger than 256 KiB.',
    whatToDo: 'Send less.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Body type not supported',
    when: 'The body is not declared as JSON.',
    whatToDo: 'Send `Content-Type: application/json`.',
  },
  misdirected_host: {
    status: 421,
    title: 'Host name not served here',
    when: 'The service is open (demo) and was called by a name other than localhost.',
    whatToDo: 'Call it as http://localhost:<port>; this keeps foreign web pages out (DNS rebinding).',
  },
  cloud_not_named: {
    status: 400,
    title: 'Cloud not named',
    when: 'The service lends GPUs of several clouds, and the token came without the name of its own.',
    whatToDo: 'Send the header `Berth-Cloud` with a name or the Keystone address of `details.clouds`.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    when: 'The caller sends faster than allowed, or failed to authenticate too often.',
    whatToDo: 'Wait as long as `Retry-After` says.',
  },
  header_too_large: {
    status: 431,
    title: 'Headers too large',
    when: 'The headers of the request are larger than 16 KiB.',
    whatToDo: 'Send fewer or shorter headers.',
  },
  internal: {
    status: 500,
    title: 'Error in the service',
    when: 'A defect of the service. It is logged under the request id.',
    whatToDo: 'Report it to the operator with `request_id`.',
  },
  not_ready: {
    status: 503,
    title: 'Not ready yet',
    when: 'The service has not seen its clouds completely since it started.',
    whatToDo: 'Try again in a few seconds; GET /readyz says when.',
  },
  no_observation: {
    status: 503,
    title: 'Availability unknown',
    when: 'No cloud has been observed yet, or the service may not see its capacity.',
    whatToDo: 'Try again later; GET /v1/status tells the state of each cloud.',
  },
  revision_timeout: {
    status: 503,
    title: 'Revision not reached',
    when: 'The revision in Berth-Min-Revision did not arrive here within 5 seconds.',
    whatToDo: 'Try again, or read without the header.',
  },
  engine_stopped: {
    status: 503,
    title: 'Service is stopping or recovering',
    when: 'The store could not be written, or the service stops. Whether the command was done is unknown.',
    whatToDo: 'Repeat the request with the same Idempotency-Key.',
  },
  overloaded: {
    status: 503,
    title: 'Too busy',
    when: 'More commands wait to be decided than the service keeps. Nothing was done.',
    whatToDo: 'Wait as long as `Retry-After` says and repeat the request.',
  },
  too_many_streams: {
    status: 503,
    title: 'Too many event streams',
    when: 'More clients follow events than the service allows.',
    whatToDo: 'Close streams that are not needed, or read GET /v1/events page by page.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

export type ErrorCode = RefusalCode | keyof typeof transportErrors;

export const errorCatalogue: Readonly<Record<ErrorCode, ErrorEntry>> = { ...refusals, ...transportErrors };

/** The `type` of a problem: a name, not an address that must answer. */
export function problemType(code: ErrorCode): string {
  return `urn:berth:error:${code}`;
}

/** The body of every error (RFC 9457 with `code`, `field`, `fix`, `details`, `request_id`). */
export const problemJson = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What is wrong with this request, in one sentence.' }),
    code: z.string().meta({ description: 'Stable name of the error; see the error reference.' }),
    field: z.string().nullable().meta({ description: 'The field of the request that it is about.' }),
    fix: z.string().meta({ description: 'What to do instead.' }),
    details: z.record(z.string(), anyJson).meta({ description: 'Numbers behind it.' }),
    request_id: z.string(),
  })
  .meta({ id: 'Problem' });

export type ProblemJson = z.output<typeof problemJson>;
