/** What TLS needs, checked before it is used: a pair that does not fit would only show at the first caller. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { err, ok, type Result } from '../base/result.ts';
import { DAY_MS } from '../base/units.ts';

export interface TlsMaterial {
  /** PEM: the private key, and the certificate with its chain, the server's own first. */
  readonly key: string;
  readonly cert: string;
  /** End of the first certificate of the chain that ends, ms of the wall clock. */
  readonly notAfterMs: number;
}

/**
 * TLS 1.2 at least, as RFC 9325, section 3.1.1 has it. Said here, since options and environment of the
 * process could lower what Node takes by itself.
 */
const TLS_VERSION_MIN = 'TLSv1.2';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Certificates of a chain; real ones have two to four. */
const CHAIN_MAX = 16;

export function secureContextOf({ key, cert }: TlsMaterial): SecureContextOptions {
  return { key, cert, minVersion: TLS_VERSION_MIN };
}

/** Checks a key and its certificate at `nowMs` (wall clock). The error is a sentence with what to do. */
export function checkTls(key: string, cert: string, nowMs: number): Result<TlsMaterial, string> {
  const chain = parseChain(cert);
  if (!chain.ok) return chain;
  const parsed = parseKey(key);
  if (!parsed.ok) return parsed;
  const [own] = chain.value;
  if (own === undefined) return err('the certificate file has no certificate; it must be PEM');
  if (!own.checkPrivateKey(parsed.value)) {
    const subject = own.subject.replaceAll('\n', ', ');
    return err(
      `the key does not belong to the first certificate (${subject}); ` +
        "name the key that it was made with, and put the server's own certificate first in its file",
    );
  }
  const notAfterMs = Math.min(...chain.value.map(({ validTo }) => Date.parse(validTo)));
  const notBeforeMs = Math.max(...chain.value.map(({ validFrom }) => Date.parse(validFrom)));
  if (notAfterMs <= nowMs) return err(`the certificate has ended on ${dayOf(notAfterMs)}; renew it`);
  if (notBeforeMs > nowMs) {
    return err(`the certificate begins on ${dayOf(notBeforeMs)}; check the clock of this machine`);
  }
  const material = { key, cert, notAfterMs };
  try {
    createSecureContext(secureContextOf(material));
  } catch (error) {
    return err(`OpenSSL does not take the key and the certificate: ${textOf(error)}`);
  }
  return ok(material);
}

/** Whole days that are left. */
export function daysLeft({ notAfterMs }: TlsMaterial, nowMs: number): number {
  return Math.floor((notAfterMs - nowMs) / DAY_MS);
}

function parseChain(cert: string): Result<readonly X509Certificate[], string> {
  const texts = cert.match(CERTIFICATE) ?? [];
  if (texts.length > CHAIN_MAX) {
    return err(`the certificate file has ${texts.length} certificates; a chain has ${CHAIN_MAX} at most`);
  }
  try {
    return ok(texts.map((text) => new X509Certificate(text)));
  } catch (error) {
    return err(`the certificate cannot be read: ${textOf(error)}`);
  }
}

function parseKey(key: string): Result<KeyObject, string> {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(key)) {
    return err('the key has a passphrase, which nobody could type in; take it off with `openssl pkey`');
  }
  try {
    return ok(createPrivateKey(key));
  } catch {
    // What OpenSSL says of it could repeat it.
    return err('the key cannot be read; it must be a private key in PEM');
  }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
