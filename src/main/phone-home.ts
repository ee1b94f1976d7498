import { createHmac, timingSafeEqual } from 'node:crypto';
import { routes } from '../api/routes.ts';

export interface PhoneHome {
  /** Where the machine of a lease is to call. */
  readonly url: (leaseId: string) => string;
  readonly isValid: (leaseId: string, secret: string) => boolean;
}

/**
 * The addresses that machines call: each has a secret that follows from the server's key and the lease, so
 * that nothing has to be kept for it. `publicUrl` null: nobody is told to call.
 */
export function createPhoneHome(key: Buffer, publicUrl: string | null): PhoneHome {
  const secretOf = (leaseId: string): string =>
    createHmac('sha256', key).update(`phone-home\n${leaseId}`).digest('base64url');
  return {
    url: (leaseId) =>
      (publicUrl ?? '').replace(/\/+$/, '') +
      routes.phoneHome.path
        .replace('{id}', encodeURIComponent(leaseId))
        .replace('{secret}', secretOf(leaseId)),
    isValid(leaseId, secret) {
      const wanted = Buffer.from(secretOf(leaseId));
      const given = Buffer.from(secret);
      return given.length === wanted.length && timingSafeEqual(given, wanted);
    },
  };
}
