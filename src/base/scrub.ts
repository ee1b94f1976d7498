/**
 * Takes what looks like a secret out of a text. A second line of defence for logs: what writes there has no
 * secrets to begin with, but repeats messages of others (clouds, libraries), who may not be as careful.
 */

/** What replaces a secret. */
export const SCRUBBED = '[secret]';

/** Each with what stays of it in front. None can take more than linear time. */
const SECRETS: readonly RegExp[] = [
  // API tokens of Berth.
  /()\bberth_[\w-]{20,}/g,
  // Fernet tokens of Keystone: version 0x80 and a time, in URL-safe base64 (Fernet specification).
  /()\bgAAAA[\w-]{20,}={0,2}/g,
  // The user part of a URL (RFC 3986, section 3.2.1). Not a database's that is a name alone: its password
  // would stand behind a colon, and operators look for the address as it is shown elsewhere.
  /(\b(?!postgres(?:ql)?:\/\/[^\s:/@"'<>]{1,128}@)[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/@"'<>]{1,512}(?=@)/gi,
  /(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}/gi,
  // Fields of bodies and headers that clouds repeat in errors.
  /(["']?(?:password|secret|x-auth-token|x-subject-token|authorization|cookie)["']?\s*[:=]\s*)(?:"[^"]*"|'[^']*'|[^\s,;}]+)/gi,
  // The way of a machine to call home.
  /(\/phone-home\/[^/\s]{1,64}\/)[\w-]{8,}/g,
];

/** A private key in PEM (RFC 7468), also where its line breaks are written as `\n`. */
const PRIVATE_KEY = /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,32}PRIVATE KEY-----)?/g;

/** The text with SCRUBBED in place of each secret. */
export function scrub(text: string): string {
  const withoutKeys = text.replaceAll(PRIVATE_KEY, SCRUBBED);
  return SECRETS.reduce((rest, secret) => rest.replaceAll(secret, `$1${SCRUBBED}`), withoutKeys);
}
