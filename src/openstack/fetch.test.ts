import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { createFetch, type TlsFiles } from './fetch.ts';
import { createHttp, type HttpReply } from './http.ts';
import { tlsFailureText } from './tls-failure.ts';
import { AUTHORITY_CERT, CLIENT_CERT, CLIENT_KEY, SERVER_CERT, SERVER_KEY } from './tls.fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-tls-'));
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

const PLAIN: TlsFiles = { verify: true, caPath: null, certPath: null, keyPath: null };
const caPath = file('ca.pem', AUTHORITY_CERT);
const certPath = file('client.pem', CLIENT_CERT);
const keyPath = file('client.key', CLIENT_KEY);
const bothPath = file('both.pem', CLIENT_CERT + CLIENT_KEY);

test('nothing special is asked of TLS: the fetch of Node', () => {
  expect(createFetch(PLAIN)).toEqual({ ok: true, value: fetch });
});

test('a certificate that nobody vouches for is refused, with the remedy', async () => {
  const url = await listen();
  await expect(get(url, PLAIN)).rejects.toMatchObject({
    code: 'unavailable',
    effect: 'none',
    message: expect.stringMatching(
      /^GET \/: the certificate of https:\/\/localhost:\d+ is not trusted \([A-Z_]+\): set cacert in clouds\.yaml/,
    ),
  });
});

test('the authority of cacert is trusted', async () => {
  const reply = await get(await listen(), { ...PLAIN, caPath });
  expect([reply.status, reply.text, reply.headers.get('x-test'), reply.dateMs]).toEqual([
    200,
    'hello nobody',
    'yes',
    expect.any(Number),
  ]);
});

test('without verifying, anybody is trusted', async () => {
  expect((await get(await listen(), { ...PLAIN, verify: false })).text).toBe('hello nobody');
});

test('a certificate for another name is refused', async () => {
  const url = (await listen()).replace('localhost', '127.0.0.1');
  await expect(get(url, { ...PLAIN, caPath })).rejects.toThrow(/is for other names/);
});

test.each([
  ['two files', certPath, keyPath],
  ['one file', bothPath, null],
])('a server that asks who we are is shown our certificate: %s', async (_title, cert, key) => {
  const url = await listen({ requestCert: true, rejectUnauthorized: true, ca: AUTHORITY_CERT });
  const reply = await get(url, { ...PLAIN, caPath, certPath: cert, keyPath: key });
  expect(reply.text).toBe('hello client');
});

test.each([
  ['CERT_HAS_EXPIRED', /is out of date \(CERT_HAS_EXPIRED\): renew it/],
  ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', /https:\/\/ks:5000 refuses us .* set cert and key/],
])('other failures of TLS: %s', (code, message) => {
  expect(tlsFailureText('https://ks:5000/v3/auth/tokens?secret=1', code)).toMatch(message);
  expect(tlsFailureText('https://ks:5000/v3/auth/tokens?secret=1', code)).not.toContain('secret');
});

test('a failure of another kind is none of TLS', () => {
  expect(tlsFailureText('https://ks', 'ECONNREFUSED')).toBeNull();
});

test('a server that does not speak TLS', async () => {
  const url = (await listening(createHttpServer())).replace('http:', 'https:');
  await expect(get(url, PLAIN)).rejects.toThrow(/does not speak TLS/);
});

test.each([
  [{ ...PLAIN, caPath: join(folder, 'none') }, /none \(cacert\) cannot be read \(ENOENT\)/],
  [{ ...PLAIN, caPath: keyPath }, /client\.key \(cacert\) is no PEM file/],
  [{ ...PLAIN, certPath, keyPath: caPath }, /ca\.pem \(key\) is no PEM file/],
  [{ ...PLAIN, certPath }, /client\.pem \(key\) is no PEM file/],
])('files that cannot be used: %j', (tls, message) => {
  expect(createFetch(tls)).toEqual({ ok: false, error: expect.stringMatching(message) });
});

async function get(url: string, tls: TlsFiles): Promise<HttpReply> {
  const made = createFetch(tls);
  if (!made.ok) throw new Error(made.error);
  const http = createHttp({ fetch: made.value, clock: systemClock, timeoutMs: 5000 });
  return http.exchange({ method: 'GET', url, headers: {}, body: null, safe: true, name: 'GET /' });
}

/** Greets the client by the name in its certificate. */
async function listen(more: ServerOptions = {}): Promise<string> {
  const server = createServer({ cert: SERVER_CERT, key: SERVER_KEY, ...more }, (request, response) => {
    const socket = request.socket;
    const peer = 'getPeerCertificate' in socket ? (socket as TLSSocket).getPeerCertificate() : null;
    response.setHeader('x-test', 'yes').end(`hello ${String(peer?.subject?.CN ?? 'nobody')}`);
  });
  return (await listening(server)).replace('http:', 'https:');
}

async function listening(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://localhost:${address.port}`;
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}
