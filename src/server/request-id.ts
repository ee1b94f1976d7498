import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isRequestId } from '../base/correlation.ts';

/** Where a caller names a request: as OpenStack services do among each other, or as proxies do. */
const NAMES = ['x-openstack-request-id', 'x-request-id'] as const;

/**
 * The id of a request, as OpenStack writes them: the caller's own, so that a chain of services can be
 * followed, or a new one where there is none or it has another form. It is written into logs and sent to
 * clouds, so nothing else may pass.
 */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  for (const name of NAMES) {
    const given = headers[name];
    if (typeof given === 'string' && isRequestId(given)) return given;
  }
  return newRequestId();
}

export function newRequestId(): string {
  return `req-${randomUUID()}`;
}
