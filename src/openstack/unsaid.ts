/** Keeps what a request had to prove or to hide out of what is told of its answer: services repeat requests. */
import { scrub, SCRUBBED } from '../base/scrub.ts';
import type { HttpRequest } from './http.ts';

const SECRET_HEADERS = ['x-auth-token', 'x-subject-token'] as const;

/**
 * Members of bodies that are nobody's business: of Keystone's logins, and of Nova's servers, whose user data
 * has the way of a machine to call home.
 */
const SECRET_MEMBERS: ReadonlySet<string> = new Set(['password', 'secret', 'passcode', 'user_data']);

/** Shorter ones would take common words out of every sentence. */
const SECRET_CHARS_MIN = 4;

/** The text without the secrets of the request, and without what looks like one. */
export function unsaid(request: Pick<HttpRequest, 'headers' | 'body'>, text: string): string {
  const secrets = [
    ...SECRET_HEADERS.map((name) => request.headers[name] ?? ''),
    ...(request.body === null ? [] : secretsIn(parseJson(request.body))),
  ];
  const without = secrets
    .filter((secret) => secret.length >= SECRET_CHARS_MIN)
    .reduce((rest, secret) => rest.replaceAll(secret, SCRUBBED), text);
  return scrub(without);
}

function secretsIn(value: unknown): readonly string[] {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) => {
    if (typeof inner === 'string') return SECRET_MEMBERS.has(name) ? [inner] : [];
    if (name === 'token' && hasId(inner)) return [inner.id];
    return secretsIn(inner);
  });
}

function hasId(value: unknown): value is { readonly id: string } {
  return value !== null && typeof value === 'object' && 'id' in value && typeof value.id === 'string';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
