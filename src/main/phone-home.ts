import { createHmac, timingSafeEqual } from 'node:crypto';
import { routes } from '../api/routes.ts';

export interface PhoneHome {
  /** Where the machine at this port of a lease is to call. */
  readonly url: (leaseId: string, portId: string) => string;
  /** `portId`: of the lease as it is now; null: it has none, so there is no machine that could call. */
  readonly isValid: (leaseId: string, portId: string | null, secret: string) => boolean;
}

/**
 * The addresses that machines call: each has a secret that follows from the server's key, the lease, and the
 * port, so that nothing has to be kept for it. Every try of a start has a port of its own, which is recorded
 * before the machine is made: what a failed try has left behind cannot report the next one ready. `publicUrl`
 * null: nobody is told to call.
 */
export function createPhoneHome(key: Buffer, publicUrl: string | null): PhoneHome {
  const secretOf = (leaseId: string, portId: string): string =>
    createHmac('sha256', key).update(`phone-home\n${leaseId}\n${portId}`).digest('base64url');
  return {
    url: (leaseId, portId) =>
      (publicUrl ?? '').replace(/\/+$/, '') +
      routes.phoneHome.path
        .replace('{id}', encodeURIComponent(leaseId))
        .replace('{secret}', secretOf(leaseId, portId)),
    isValid(leaseId, portId, secret) {
      if (portId === null) return false;
      const wanted = Buffer.from(secretOf(leaseId, portId));
      const given = Buffer.from(secret);
      return given.length === wanted.length && timingSafeEqual(given, wanted);
    },
  };
}
