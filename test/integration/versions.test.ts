import { afterEach, expect, test } from 'vitest';
import { createCliTest } from '../support/cli-io.ts';
import { startTestServer, type TestServer } from '../support/engine.ts';

let server: TestServer;

afterEach(() => server.close());

/** What `berth lease list` of 1.2.3 writes, and the headers that the server got. */
async function listAt(version: string): Promise<{ code: number; stderr: string; agents: readonly string[] }> {
  server = await startTestServer({ server: { version } });
  const agents: string[] = [];
  const env = { BERTH_URL: server.url, BERTH_TOKEN: await server.token('member', 'ml') };
  const noting: typeof fetch = (input, init) => {
    agents.push(new Headers(init?.headers).get('user-agent') ?? '');
    return fetch(input, init);
  };
  const cli = createCliTest({ env, fetch: noting });
  const code = await cli.run('lease', 'list');
  return { code, stderr: cli.stderr(), agents };
}

test.each(['1.1.0', '1.2.0', '1.3.9'])(
  'a server of version %s is near enough to say nothing',
  async (version) => {
    const { code, stderr, agents } = await listAt(version);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^There are no leases.*\n$/);
    expect([...new Set(agents)]).toEqual(['berth/1.2.3']);
  },
);

test.each([
  ['1.0.4', 'the server'],
  ['1.4.0', 'this berth'],
  ['2.0.0', 'this berth'],
])('a server of version %s works, with a note to upgrade %s', async (version, which) => {
  const { code, stderr } = await listAt(version);
  expect(code).toBe(0);
  expect(stderr).toContain(`Note: the server is Berth ${version}, this is 1.2.3`);
  expect(stderr).toContain(`Upgrade ${which}.`);
});

test('every reply names the version, errors and unknown paths too', async () => {
  server = await startTestServer({ server: { version: '1.7.0' } });
  for (const path of ['/v1/status', '/v1/leases/x', '/nowhere']) {
    const reply = await fetch(`${server.url}${path}`);
    expect([path, reply.headers.get('berth-version')]).toEqual([path, '1.7.0']);
  }
});
