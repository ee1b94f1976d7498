/** The crash tests of the fast suite, on PostgreSQL. */
import { afterAll, beforeAll } from 'vitest';
import { describeCrashes } from '../integration/crash-suite.ts';
import { PostgresServer } from '../support/postgres.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(() => server.remove());

describeCrashes('a server on PostgreSQL', () => server.siteStore());
