/** Nova's error bodies. Source: nova 26 (Zed), api/openstack/wsgi.py, Fault. */
import { Refused } from './http.ts';
import type { Call } from './http.ts';

const FAULT_NAMES: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
};

function novaErrorBody(code: number, message: string): unknown {
  return { [FAULT_NAMES[code] ?? 'computeFault']: { code, message } };
}

export function novaError(code: number, message: string): Refused {
  return new Refused({ status: code, json: novaErrorBody(code, message) });
}

export function policyRefusal(rule: string): Refused {
  return novaError(403, `Policy doesn't allow ${rule} to be performed.`);
}

export function requireAdmin(call: Call, rule: string): void {
  if (!call.isAdmin) throw policyRefusal(rule);
}

/** The list limit: 1000 at most, as Nova's `[api] max_limit`. */
export function limitOf(call: Call): number {
  const text = call.query.get('limit');
  if (text === null) return LIMIT_MAX;
  if (!/^\d{1,9}$/.test(text)) {
    throw novaError(
      400,
      `Invalid input for query parameters limit. Value: ${text}. '${text}' does not match '^[0-9]*$'`,
    );
  }
  return Number(text) === 0 ? LIMIT_MAX : Math.min(Number(text), LIMIT_MAX);
}

const LIMIT_MAX = 1000;
