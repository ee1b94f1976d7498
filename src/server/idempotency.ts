import type { FastifyRequest } from 'fastify';
import { hash } from 'node:crypto';
import { canonicalJson } from '../base/json.ts';
import type { Idempotency } from '../engine/views.ts';
import { Problem } from './problem.ts';

/**
 * The Idempotency-Key of a request with the SHA-256 of what it asks for, so that the same key with another
 * request is noticed; undefined without the header. Source: draft-ietf-httpapi-idempotency-key-header-07.
 */
export function idempotencyOf(request: FastifyRequest): Idempotency | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new Problem('malformed_header', {
      detail: 'the Idempotency-Key must be 1 to 255 visible ASCII characters without blanks',
      field: 'Idempotency-Key',
      fix: 'Use a UUID.',
    });
  }
  const asked = `${request.method} ${request.url}\n${canonicalJson(request.body ?? null)}`;
  return { key, requestHash: hash('sha256', asked) };
}
