import { ProviderError } from '../engine/ports.ts';
import type { HttpReply, HttpRequest } from './http.ts';
import { unsaid } from './unsaid.ts';

/** Enough of a service's words for a person; Nova's scheduler can list every host. */
const MESSAGE_CHARS_MAX = 500;

/** Neutron's types of 409 that mean "nothing left to give" (neutron_lib/exceptions/__init__.py, Zed). */
const QUOTA_TYPES = new Set(['OverQuota', 'IpAddressGenerationFailure', 'ExternalIpAddressExhausted']);

/** Keystone, Nova, Neutron, Placement and Glance each have their own error body. */
interface ErrorBody {
  /** The service's own name for it (Neutron's type, Nova's key); '' where it has none. */
  readonly type: string;
  readonly message: string;
}

/**
 * The one place where a refusal of the cloud becomes ours. A 4xx proves that nothing happened; a 5xx proves
 * nothing, since it may come from a proxy in front of a service that did the work.
 */
export function failureOf(request: HttpRequest, reply: HttpReply): ProviderError {
  const body = readError(reply.text);
  const effect = request.safe || (reply.status >= 400 && reply.status < 500) ? 'none' : 'unknown';
  const said = body.message === '' ? 'no reason given' : unsaid(request, body.message);
  const message = `${request.name}: ${reply.status} ${said}`.slice(0, MESSAGE_CHARS_MAX);
  return new ProviderError(codeOf(reply.status, body), effect, message, {
    retryAfterMs: retryAfterMs(reply),
  });
}

function codeOf(status: number, body: ErrorBody): ProviderError['code'] {
  switch (status) {
    case 400:
      return 'bad_request';
    case 401:
      return 'unauthorized';
    case 403:
      // Nova has no status of its own for a quota (nova/api/openstack/compute/servers.py, 26.2.2).
      return /quota/i.test(body.message) ? 'quota' : 'forbidden';
    case 404:
    case 410:
      return 'not_found';
    case 405:
    case 406:
    case 501:
      return 'unsupported';
    case 409:
      return QUOTA_TYPES.has(body.type) ? 'quota' : 'conflict';
    case 413:
    case 429:
      return 'rate_limited';
    default:
      return status >= 400 && status < 500 ? 'bad_request' : 'unavailable';
  }
}

function readError(text: string): ErrorBody {
  const parsed = parseJson(text);
  if (!isRecord(parsed)) return { type: '', message: plainText(text) };
  // Placement: {"errors":[{"code","title","detail"}]}; others: one key whose value has the message.
  const errors = parsed['errors'];
  const [key, value] = Array.isArray(errors)
    ? ['', errors[0] as unknown]
    : (Object.entries(parsed)[0] ?? ['', null]);
  if (!isRecord(value)) return { type: key, message: typeof value === 'string' ? value : '' };
  const type = value['type'] ?? value['code'];
  const message = value['message'] ?? value['detail'] ?? value['title'];
  return { type: typeof type === 'string' ? type : key, message: typeof message === 'string' ? message : '' };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** Glance and proxies answer in HTML. */
function plainText(text: string): string {
  const stripped = text
    .slice(0, 10 * MESSAGE_CHARS_MAX)
    .replaceAll(/<(head|style|script)[\s\S]*?<\/\1>|<[^>]*>/gi, ' ');
  return stripped.replaceAll(/\s+/g, ' ').trim();
}

function retryAfterMs(reply: HttpReply): number | null {
  const text = reply.headers.get('retry-after');
  if (text === null) return null;
  if (/^\d{1,6}$/.test(text)) return Number(text) * 1000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) || reply.dateMs === null ? null : Math.max(0, atMs - reply.dateMs);
}
