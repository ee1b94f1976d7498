/** What is logged is what the catalogue says: under a load of all kinds, and the other way round. */
import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { logsPage } from '../../scripts/docs/logs-page.ts';
import { COMMON_FIELDS, LOG_EVENTS, LOG_FIELDS, type LogEvent } from '../../src/server/log/catalogue.ts';
import { createLogger } from '../../src/server/log/json-lines.ts';
import { startTestServer, until } from '../support/engine.ts';
import { keystoneLogin } from '../support/keystone-login.ts';

type Line = Readonly<Record<string, unknown>>;

function keepLines(): { readonly lines: () => readonly Line[]; readonly to: Writable } {
  let text = '';
  const to = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const lines = (): readonly Line[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  return { lines, to };
}

/** What an event's lines may not do without, and may not have beside. */
function fieldsOf(event: string): readonly string[] {
  const entry = Object.entries(LOG_EVENTS).find(([name]) => name === event)?.[1];
  if (entry === undefined) throw new Error(`${event} is not in the catalogue`);
  return [...Object.keys(COMMON_FIELDS), ...entry.fields].toSorted((a, b) => (a < b ? -1 : 1));
}

function typeOf(value: unknown): string {
  if (typeof value === 'string') return 'text';
  return typeof value === 'object' ? 'error' : typeof value;
}

const types = new Map(
  Object.entries({ ...COMMON_FIELDS, ...LOG_FIELDS }).map(([name, { type }]) => [name, type] as const),
);

function expectCatalogued(line: Line): void {
  const names = Object.keys(line).toSorted((a, b) => (a < b ? -1 : 1));
  expect(names, String(line['event'])).toEqual(fieldsOf(String(line['event'])));
  for (const [name, value] of Object.entries(line)) {
    if (value !== null) expect([name, typeOf(value)]).toEqual([name, types.get(name)]);
  }
}

test('every line of a load has the fields of its event, with their types', { timeout: 30_000 }, async () => {
  const { lines, to } = keepLines();
  const server = await startTestServer({
    server: { logger: createLogger({ level: 'debug', requests: true }, to) },
  });
  const token = await keystoneLogin(server.simFetch, 'demo');
  const headers = { 'x-auth-token': token, 'content-type': 'application/json' };
  const get = (path: string, more: RequestInit = {}): Promise<Response> =>
    fetch(`${server.url}${path}`, { headers, ...more });
  for (const path of [
    '/v1/status',
    '/v1/leases',
    '/v1/leases/none',
    '/nowhere',
    '/healthz',
    '/metrics',
    '/gpus/flavors',
  ]) {
    await (await get(path)).arrayBuffer();
  }
  const body = JSON.stringify({ flavor: 'gpu_tiny', duration: '1h' });
  await (await get('/v1/leases', { method: 'POST', body })).arrayBuffer();
  await (await get('/v1/leases', { method: 'POST', body: '{' })).arrayBuffer();
  await (await get('/v1/status', { headers: {} })).arrayBuffer();
  const abort = new AbortController();
  const stream = { ...headers, accept: 'text/event-stream' };
  expect((await get('/v1/events', { headers: stream, signal: abort.signal })).status).toBe(200);
  abort.abort();
  server.cloud.faultPolicy = { ...server.cloud.faultPolicy, rates: { serverError: 1 } };
  await (await get('/v1/status', { headers: { 'x-auth-token': 'unknown' } })).arrayBuffer();
  await until(() => lines().some((line) => line['operation'] === 'listEvents'), 'the line of the stream');
  await server.close();

  const found = lines();
  for (const line of found) expectCatalogued(line);
  const events = new Set(found.map((line) => line['event']));
  expect(events).toEqual(new Set(['request', 'probe', 'token_not_checked']));
  const of = (operation: string): Line | undefined => found.find((line) => line['operation'] === operation);
  expect(of('createLease')).toMatchObject({
    level: 'info',
    msg: 'a request was answered',
    method: 'POST',
    route: '/v1/leases',
    status: 201,
    code: null,
    aborted: false,
    address: '127.0.0.1',
    role: 'member',
    cloud: 'sim',
  });
  expect(Number(of('createLease')?.['revision'])).toBeGreaterThan(0);
  expect(Number(of('createLease')?.['duration_ms'])).toBeGreaterThan(0);
  expect(of('listEvents')).toMatchObject({ aborted: true, status: 200 });
  expect(found.filter((line) => line['route'] === null)).toHaveLength(1);
  expect(found.filter((line) => line['event'] === 'probe')).toHaveLength(2);
});

test('every event of the catalogue is written as the page says, and every field is of an event', () => {
  const { lines, to } = keepLines();
  const logger = createLogger({ level: 'debug', requests: true }, to);
  const sample = {
    text: 'text',
    number: 1,
    boolean: true,
    error: new Error('outer', { cause: new Error('inner') }),
  };
  const used = new Set<string>();
  for (const [event, { fields }] of Object.entries(LOG_EVENTS)) {
    for (const field of fields) used.add(field);
    const values = Object.fromEntries(fields.map((field) => [field, sample[LOG_FIELDS[field].type]]));
    logger.log(event as LogEvent, values as never);
  }
  for (const line of lines()) expectCatalogued(line);
  expect(lines().map((line) => line['event'])).toEqual(Object.keys(LOG_EVENTS));
  expect(used).toEqual(new Set(Object.keys(LOG_FIELDS)));
  const page = readFileSync(new URL('../../docs/reference/logs.md', import.meta.url), 'utf8');
  expect(page).toBe(logsPage());
});

test('levels and the switch for requests leave out what is not wanted', () => {
  const quiet = keepLines();
  const logger = createLogger({ level: 'info', requests: false }, quiet.to);
  logger.log('certificate_refused', { reason: 'x' });
  logger.log('request_malformed', { request_id: 'r', address: 'a', code: 'c' });
  expect([logger.logs('request'), logger.logs('probe'), logger.logs('serving')]).toEqual([
    false,
    false,
    true,
  ]);
  expect(quiet.lines().map((line) => line['event'])).toEqual(['certificate_refused']);
});

test('of an error only what it says is written, and no secret in it', () => {
  const { lines, to } = keepLines();
  const logger = createLogger({ level: 'debug', requests: true }, to);
  const error = Object.assign(
    new Error('berth_abcdefghijklmnopqrstuvwxyz at postgresql://u:pw-secret@db/x'),
    {
      code: 'ECONNREFUSED',
      config: { password: 'pw-secret' },
      cause: new Error('{"auth":{"password":"pw-secret"}} X-Auth-Token: pw-secret'),
    },
  );
  logger.log('engine_failed', { err: error });
  const text = JSON.stringify(lines());
  expect(text).toContain('ECONNREFUSED');
  expect(text).not.toMatch(/pw-secret|abcdefghijkl/);
});
