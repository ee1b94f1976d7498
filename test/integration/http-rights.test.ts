import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROLE_NAMES } from '../../src/api/admin.ts';
import { problemJson } from '../../src/api/errors.ts';
import type { Route } from '../../src/api/route.ts';
import { routes } from '../../src/api/routes.ts';
import { createClient } from '../../src/client/client.ts';
import { startTestServer } from '../support/engine.ts';
import { validBody } from './http-bodies.ts';

type RoleName = (typeof ROLE_NAMES)[number];

let server: Awaited<ReturnType<typeof startTestServer>>;
let flavor: string;
let host: string;
const tokens = new Map<RoleName, string>();
/** A lease that the caller of this role may handle; the reader's belongs to a member of the project. */
const leases = new Map<RoleName, string>();
let foreignLease: string;

beforeAll(async () => {
  server = await startTestServer();
  for (const role of ROLE_NAMES) tokens.set(role, await server.token(role, 'demo'));
  const admin = createClient({ baseUrl: server.url, token: tokens.get('admin') ?? '' });
  flavor = (await admin.listFlavors()).flavors[0]?.id ?? '';
  host = (await admin.listHosts()).hosts[0]?.id ?? '';
  const borrow = async (token: string): Promise<string> => {
    const reply = await createClient({ baseUrl: server.url, token }).createLease({ flavor, duration: '1h' });
    return reply.lease?.id ?? '';
  };
  for (const role of ROLE_NAMES)
    leases.set(role, await borrow(tokens.get(role === 'reader' ? 'member' : role) ?? ''));
  foreignLease = await borrow(await server.token('member', 'elsewhere'));
});

afterAll(() => server.close());

const table = Object.entries<Route>(routes).filter(([, route]) => route.role !== 'public');
const rank = (role: Route['role']): number => ROLE_NAMES.findIndex((name) => name === role);

const bodyOf = (id: string): object | null => validBody(id, flavor, host);

function pathOf(route: Route, leaseId: string): string {
  if (route.path.startsWith('/v1/leases/')) return route.path.replace('{id}', leaseId);
  if (route.path.startsWith('/v1/hosts/')) return route.path.replace('{id}', host);
  if (route.path.startsWith('/v1/flavors/')) return route.path.replace('{id}', flavor);
  const path = route.path.replace('{project}', 'demo');
  return path.replace('{id}', path.startsWith('/v1/clouds/') ? 'sim' : 'some-id');
}

async function ask(id: string, route: Route, token: string | null, leaseId: string): Promise<Response> {
  const body = route.body === null ? null : bodyOf(id);
  return fetch(`${server.url}${pathOf(route, leaseId)}`, {
    method: route.method,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== null && { 'content-type': 'application/json' }),
    },
    ...(body !== null && { body: JSON.stringify(body) }),
  });
}

test('the table has operations for every role, and every body of them is known here', () => {
  expect(new Set(table.map(([, { role }]) => role))).toEqual(new Set(ROLE_NAMES));
  for (const [id, { body }] of table) expect(bodyOf(id) !== null, id).toBe(body !== null);
});

describe.each(table)('%s', (id, route) => {
  test('needs a token', async () => {
    for (const token of [null, 'guessed']) {
      const reply = await ask(id, route, token, foreignLease);
      expect(reply.status).toBe(401);
      expect(reply.headers.get('www-authenticate')).toContain('Bearer');
      expect(await reply.json()).toMatchObject({ code: 'unauthenticated' });
    }
  });

  test.each(ROLE_NAMES)('as %s', async (role) => {
    const reply = await ask(id, route, tokens.get(role) ?? '', leases.get(role) ?? '');
    if (rank(role) < rank(route.role)) {
      // What a caller cannot even see (a token, for those who may not list them) is not found rather than
      // forbidden.
      expect([403, 404]).toContain(reply.status);
      expect(['forbidden', 'not_found']).toContain(problemJson.parse(await reply.json()).code);
    } else {
      expect([401, 403, 500]).not.toContain(reply.status);
    }
  });

  if (!route.path.startsWith('/v1/leases/')) return;
  test.each(['reader', 'member', 'manager'] as const)(
    'hides the leases of other projects from a %s',
    async (role) => {
      const reply = await ask(id, route, tokens.get(role) ?? '', foreignLease);
      expect([reply.status, await reply.json()]).toMatchObject([404, { code: 'not_found' }]);
    },
  );
});
