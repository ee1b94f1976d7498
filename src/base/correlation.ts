/**
 * Under which id something is done, so that logs on both sides of a call can be held together. It travels
 * with the asynchronous work instead of through every signature, since nothing is ever decided by it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** As OpenStack writes request ids: `ID_FORMAT` of oslo.middleware 5.0.0, oslo_middleware/request_id.py. */
const REQUEST_ID = /^req-[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$/;

const current = new AsyncLocalStorage<string>();

/** Whether OpenStack takes the text for a request id; it ignores any other. */
export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text);
}

/** Does the work, and all that it starts, under the id. */
export function correlated<T>(requestId: string, work: () => T): T {
  return current.run(requestId, work);
}

/** The id of the work that runs now; null: it has none, or one that OpenStack would not take. */
export function correlationId(): string | null {
  const id = current.getStore();
  return id !== undefined && isRequestId(id) ? id : null;
}

/** The id under which everything is done for a lease: its own, so that nothing has to be kept for it. */
export function leaseRequestId(leaseId: string): string {
  return `req-${leaseId}`;
}
