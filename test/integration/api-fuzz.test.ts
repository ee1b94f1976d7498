import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { problemJson } from '../../src/api/errors.ts';
import type { Route } from '../../src/api/route.ts';
import { routes } from '../../src/api/routes.ts';
import { createClient } from '../../src/client/client.ts';
import { startTestServer } from '../support/engine.ts';
import { validBody } from './http-bodies.ts';

let server: Awaited<ReturnType<typeof startTestServer>>;
let token: string;
let flavor: string;
let host: string;
/** Ids that replies have shown, so that later requests meet things that exist. */
const known: string[] = [];

beforeAll(async () => {
  server = await startTestServer();
  token = await server.token('admin', 'demo');
  const client = createClient({ baseUrl: server.url, token });
  flavor = (await client.listFlavors()).flavors[0]?.id ?? '';
  host = (await client.listHosts()).hosts[0]?.id ?? '';
  known.push(flavor, host);
});

afterAll(() => server.close());

const table = Object.entries<Route>(routes);

const HOSTILE = [
  '',
  '\u0000',
  'a\u0000b',
  '../../etc/passwd',
  '..%2f..',
  '%00',
  '__proto__',
  'constructor',
  'toString',
  "'; DROP TABLE leases; --",
  '\ud800',
  '\u202e\u{1F4A9}',
  'x'.repeat(5000),
  '-1',
  '1e999',
  'NaN',
  'null',
  '9'.repeat(30),
];

const text = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', maxLength: 40 }));
const number = fc.oneof(
  fc.constantFrom(0, -1, 1, 0.5, 64, 65, 2 ** 31, 2 ** 53, 1e300, -1e300),
  fc.integer(),
  fc.double({ noNaN: true }),
);
const hostile: fc.Arbitrary<unknown> = fc.oneof(
  text,
  number,
  fc.boolean(),
  fc.constant(null),
  fc.jsonValue(),
);
const duration = fc.constantFrom('1h', '30m', '7d', '366d', '1s', '0s', '99999999d', '8 h');
const time = fc.constantFrom(
  '2099-01-01T00:00:00Z',
  '2000-01-01T00:00:00Z',
  '2026-02-30T00:00:00Z',
  'now',
  '9999-12-31T23:59:59Z',
);

/** Values that a field of this name may well have; mixed with hostile ones. */
function plausible(name: string): fc.Arbitrary<unknown> {
  if (name === 'flavor') return fc.constantFrom(flavor, 'none');
  if (name === 'host') return fc.constantFrom(host, 'none');
  if (name === 'requirements') {
    const fields = { gpu: fc.constantFrom('V100', 'constructor', '__proto__', 'toString'), count: number };
    return fc.record(fields, { requiredKeys: ['gpu'] });
  }
  if (name === 'connection') return fc.constant({ host: '192.0.2.7', user: 'debian' });
  if (['limits', 'per_user'].includes(name)) {
    const fields = { gpus: number, leases: number, gpu_hours_per_month: number, queued: number };
    return fc.record({ ...fields, gpus_by_class: fc.dictionary(text, number) }, { requiredKeys: [] });
  }
  if (name === 'users') return fc.dictionary(text, fc.record({ gpus: number }, { requiredKeys: [] }));
  if (name === 'group_by') return fc.constantFrom('project', 'user,class,day', 'month,flavor', 'day,month');
  if (name === 'zone') return fc.constantFrom('UTC', 'Europe/Berlin', 'Moon/Tycho');
  if (name === 'project_id') return fc.constantFrom('demo', 'elsewhere', 'constructor');
  if (name === 'role') return fc.constantFrom('reader', 'member', 'manager', 'admin');
  if (name === 'wait') return fc.constantFrom('no', '1h', '1s');
  if (name === 'at_end') return fc.constantFrom('shelve', 'delete');
  if (name === 'duration') return duration;
  if (['from', 'to', 'until', 'expires_at'].includes(name)) return time;
  if (/seconds$|^count$|^limit$|^after$/.test(name)) return number;
  return fc.constantFrom('x', 'a name', 'server-1');
}

function fieldsOf(schema: Route['body']): string[] {
  if (schema === null) return [];
  const {
    properties,
    $ref: reference,
    $defs: definitions,
  } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const named = reference === undefined ? undefined : definitions?.[reference.split('/').at(-1) ?? ''];
  return Object.keys(properties ?? named?.properties ?? {});
}

/** The value once in so many times, else null. (`fc.option` is the other way round: null once in `freq`.) */
function seldom<T>(arbitrary: fc.Arbitrary<T>, onceIn: number): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: onceIn - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
}

/** Some of the fields of a schema, mostly plausible, and now and then one that nobody knows. */
function objectOf(schema: Route['body']): fc.Arbitrary<Record<string, unknown>> {
  const names = fieldsOf(schema);
  const value = (name: string): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 6, arbitrary: plausible(name) }, { weight: 1, arbitrary: hostile });
  const fields = Object.fromEntries(names.map((name) => [name, value(name)]));
  const extra = seldom(fc.tuple(text, hostile), 12);
  return fc
    .tuple(fc.record(fields, { requiredKeys: [] }), extra)
    .map(([record, more]) => (more === null ? record : { ...record, [more[0]]: more[1] }));
}

/**
 * Bodies of an operation: valid ones with fields added or replaced, arbitrary ones, and what is no object at
 * all.
 */
function bodyOf(id: string, route: Route): fc.Arbitrary<string> {
  const arbitrary = objectOf(route.body);
  const valid = fc
    .option(arbitrary, { freq: 2 })
    .map((changes) => ({ ...validBody(id, flavor, host), ...changes }));
  const raw = fc.constantFrom('', '{', '[]', 'null', '0', '"x"', '{"__proto__":1}', '[[[[[[', '\ufeff{}');
  return fc.oneof(
    { weight: 5, arbitrary: valid.map((body) => JSON.stringify(body)) },
    { weight: 3, arbitrary: arbitrary.map((body) => JSON.stringify(body)) },
    { weight: 1, arbitrary: raw },
  );
}

interface FuzzRequest {
  readonly id: string;
  readonly route: Route;
  readonly path: string;
  readonly body: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** The header with one of the values, or mostly none. */
function header(name: string, value: fc.Arbitrary<string>): fc.Arbitrary<Record<string, string>> {
  return seldom(value, 8).map((chosen): Record<string, string> =>
    chosen === null ? {} : { [name]: chosen },
  );
}

function requestOf(id: string, route: Route): fc.Arbitrary<FuzzRequest> {
  const param = fc.oneof(
    fc.nat().map((index) => known[index % Math.max(1, known.length)] ?? 'x'),
    text,
  );
  const printable = fc.string({ unit: 'grapheme-ascii', maxLength: 300 });
  return fc
    .record({
      param,
      query: objectOf(route.query),
      body: route.method === 'GET' ? fc.constant(null) : fc.option(bodyOf(id, route), { freq: 10 }),
      key: header('idempotency-key', fc.oneof(fc.constantFrom('a', 'b'), printable)),
      revision: header('berth-min-revision', fc.constantFrom('0', '1', '-1', 'x', '1e3', '')),
    })
    .map(({ param: value, query, body: sent, key, revision }) => {
      const search = new URLSearchParams(
        Object.entries(query).map(([name, each]): [string, string] => [
          name,
          typeof each === 'string' ? each : JSON.stringify(each),
        ]),
      );
      const segment = encodeURIComponent(value.toWellFormed());
      const suffix = search.size > 0 ? `?${search.toString()}` : '';
      return {
        id,
        route,
        path: `${route.path.replace('{id}', segment)}${suffix}`,
        body: sent,
        headers: { ...key, ...revision, ...(sent !== null && { 'content-type': 'application/json' }) },
      };
    });
}

async function send({
  route,
  path,
  body,
  headers,
}: FuzzRequest): Promise<{ readonly status: number; readonly text: string }> {
  const reply = await fetch(`${server.url}${path}`, {
    method: route.method,
    headers: { ...headers, authorization: `Bearer ${token}` },
    ...(body !== null && { body }),
  });
  return { status: reply.status, text: await reply.text() };
}

/** Remembers ids out of a reply, the newest few. */
function learn(reply: string): void {
  for (const [, id] of reply.matchAll(/"id":"([^"]{1,64})"/g)) {
    // Not the project of the caller: with a limit of 0 nothing more would be granted.
    if (id !== undefined && id !== 'demo' && !known.includes(id)) known.push(id);
  }
  known.splice(2, Math.max(0, known.length - 40));
}

test(
  'no request whatever meets a defect, and every reply is what the description says',
  { timeout: 60_000 },
  async () => {
    expect(table.length).toBeGreaterThan(30);
    const statuses = new Map<number, number>();
    const request = fc.oneof(
      ...table.map(([id, route]) => ({
        weight: route.status === 201 ? 4 : 1,
        arbitrary: requestOf(id, route),
      })),
    );
    await fc.assert(
      fc.asyncProperty(request, async (sent) => {
        const { status, text: reply } = await send(sent);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        // The token may have been revoked by a request before.
        if (status === 401) token = await server.token('admin', 'demo');
        expect(status, `${sent.id} ${sent.path} ${sent.body ?? ''} → ${reply}`).not.toBe(500);
        if (status === sent.route.status) {
          if (sent.route.response === null) return;
          expect(sent.route.response.safeParse(JSON.parse(reply)).error).toBeUndefined();
          learn(reply);
        } else if (reply !== '{"message":"Unkown flavor id!"}') {
          expect(problemJson.parse(JSON.parse(reply)).status).toBe(status);
        }
      }),
      { numRuns: 2500, endOnFailure: true },
    );
    // The requests were not all refused at the door.
    for (const status of [200, 201, 400, 404])
      expect(statuses.get(status) ?? 0, String(status)).toBeGreaterThan(5);
  },
);
