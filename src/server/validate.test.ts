import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ProblemJson } from '../api/errors.ts';
import type { Route } from '../api/route.ts';
import { routes } from '../api/routes.ts';
import { Problem } from './problem.ts';
import { parsePart } from './validate.ts';

function faultOf(body: unknown): ProblemJson {
  try {
    parsePart(routes.createLease.body, body);
  } catch (error) {
    if (error instanceof Problem) return error.body('req-1');
    throw error;
  }
  throw new Error('nothing was wrong');
}

const good = { flavor: 'gpu.small', duration: '2h' };

describe('a request to borrow', () => {
  test('is read into milliseconds and defaults', () => {
    expect(parsePart(routes.createLease.body, { ...good, wait: 'no', from: '2026-11-21T14:32:00Z' })).toEqual(
      {
        flavor: 'gpu.small',
        duration: 7_200_000,
        wait: 0,
        from: Date.UTC(2026, 10, 21, 14, 32),
        purpose: 'interactive',
        count: 1,
      },
    );
  });

  test.each([
    [{ flavour: 'a', duration: '2h' }, 'unknown_field', 'flavour', "Did you mean 'flavor'?"],
    [{ ...good, zzz: 1 }, 'unknown_field', 'zzz', 'Known fields'],
    [
      { duration: '2h', requirements: { gpu: 'V100', memory: 1 } },
      'unknown_field',
      'requirements.memory',
      'memory_mib',
    ],
    [{ duration: '2h' }, 'missing_field', 'flavor', 'flavor'],
    [{ ...good, duration_seconds: 60 }, 'invalid', 'duration', 'either'],
    [{ ...good, duration: '2 hours' }, 'malformed_duration', 'duration', '8h'],
    [{ ...good, duration: '400d' }, 'malformed_duration', 'duration', '8h'],
    [{ ...good, from: 'tomorrow' }, 'malformed_time', 'from', '2026'],
    [{ ...good, wait: 'never' }, 'malformed_duration', 'wait', 'no'],
    [{ ...good, count: 65 }, 'invalid_field', 'count', 'count'],
    [{ ...good, name: 'a\u0000b' }, 'invalid_field', 'name', 'name'],
    [{ ...good, name: '\ud800' }, 'invalid_field', 'name', 'name'],
    [{ flavor: 'a', duration_seconds: 1e300 }, 'invalid_field', 'duration_seconds', 'duration_seconds'],
    [{ duration: '2h', requirements: {} }, 'missing_field', 'requirements.gpu', 'gpu'],
    [[], 'invalid_field', '', 'body'],
    [null, 'invalid_field', '', 'body'],
  ])('%j is %s at %s', (body, code, field, fix) => {
    const fault = faultOf(body);
    expect(fault).toMatchObject({ code, field });
    expect(fault.fix).toContain(fix);
  });

  test('names a private key before anything else and never repeats it', () => {
    const secret = '-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----';
    const fault = faultOf({ flavour: 1, ssh_public_key: secret });
    expect(fault.code).toBe('private_key');
    expect(JSON.stringify(fault)).not.toContain('c2VjcmV0');
  });
});

test('whatever comes in, a schema of the table accepts it or says a fault of the catalogue', () => {
  const schemas = Object.values<Route>(routes).flatMap(({ body, query }) => [body, query]);
  const named = schemas.filter((schema) => schema !== null);
  expect(named.length).toBeGreaterThan(8);
  fc.assert(
    fc.property(
      fc.constantFrom(...named),
      fc.object({ key: fc.constantFrom('flavor', 'duration', 'name', '__proto__') }),
      (schema, value) => {
        try {
          parsePart(schema, value);
        } catch (error) {
          expect(error).toBeInstanceOf(Problem);
        }
      },
    ),
  );
});
