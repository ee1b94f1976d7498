/** What listens: TLS, socket files, limits of connections; with real sockets. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkTls, type TlsMaterial } from '../../src/server/tls.ts';
import {
  AUTHORITY_CERT,
  CLIENT_CERT,
  CLIENT_KEY,
  SERVER_CERT,
  SERVER_KEY,
} from '../../src/openstack/tls.fixtures.ts';
import { startTestServer, until, type TestServer } from '../support/engine.ts';
import { keepingLogger } from '../support/logger.ts';

const { logger, kept } = keepingLogger();
let server: TestServer | null = null;
let dir: string;
const sockets: Socket[] = [];

beforeEach(() => {
  kept.length = 0;
  dir = mkdtempSync(join(tmpdir(), 'berth-listen-'));
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.close();
  server = null;
  rmSync(dir, { recursive: true, force: true });
});

async function start(more: Parameters<typeof startTestServer>[0] = {}): Promise<TestServer> {
  server = await startTestServer({ ...more, server: { logger, ...more.server } });
  return server;
}

function material(key = SERVER_KEY, cert = SERVER_CERT): TlsMaterial {
  const checked = checkTls(key, cert, Date.now());
  if (!checked.ok) throw new Error(checked.error);
  return checked.value;
}

/** Sends bytes as they are; gives what comes back until the end. */
function exchange(port: number, text: string, from = '127.0.0.1'): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from }, () => socket.write(text));
    sockets.push(socket);
    let reply = '';
    socket.on('data', (bytes) => (reply += bytes.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(reply));
  });
}

const portOf = (url: string): number => Number(new URL(url).port);

/** Status and certificate of a request over TLS. */
function secureGet(
  url: string,
  path: string,
  subject = 'server',
): Promise<{ readonly status: number; readonly subject: string }> {
  return new Promise((resolve, reject) => {
    const asking = secureRequest(
      `${url}${path}`,
      { ca: AUTHORITY_CERT, agent: false, servername: 'localhost', rejectUnauthorized: subject === 'server' },
      (reply: IncomingMessage) => {
        const shown = (asking.socket as ReturnType<typeof tlsConnect>).getPeerCertificate().subject;
        reply.resume().on('end', () => resolve({ status: reply.statusCode ?? 0, subject: String(shown.CN) }));
      },
    );
    asking.on('error', reject).end();
  });
}

test('a port of TLS answers over TLS, and plain HTTP with what is wrong', async () => {
  const { url } = await start({ server: { tls: material() } });
  expect(url).toMatch(/^https:/);
  expect(await secureGet(url, '/healthz')).toEqual({ status: 200, subject: 'server' });
  const plain = await exchange(
    portOf(url),
    'GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: t\r\n\r\n',
  );
  expect(plain).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"tls_required"/);
  expect(plain).toMatch(/x-openstack-request-id: req-/i);
  expect(kept.map(({ event, fields }) => [event, fields['code']])).toContainEqual([
    'request_malformed',
    'tls_required',
  ]);
});

test('TLS 1.1 and older are refused', async () => {
  const { url } = await start({ server: { tls: material() } });
  const speak = (version: 'TLSv1.1' | 'TLSv1.2'): Promise<string> =>
    new Promise((resolve) => {
      const socket = tlsConnect(
        {
          port: portOf(url),
          host: '127.0.0.1',
          ca: AUTHORITY_CERT,
          servername: 'localhost',
          minVersion: 'TLSv1',
          maxVersion: version,
          // OpenSSL 3 itself offers what is older only at this level.
          ciphers: 'DEFAULT@SECLEVEL=0',
        },
        () => {
          resolve(socket.getProtocol() ?? '');
          socket.destroy();
        },
      );
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  expect(await speak('TLSv1.2')).toBe('TLSv1.2');
  expect(await speak('TLSv1.1')).toMatch(/PROTOCOL|ECONNRESET/);
});

test('a new certificate is for new connections; one that is open goes on', async () => {
  const { url, http } = await start({ server: { tls: material() } });
  const old = tlsConnect({
    port: portOf(url),
    host: '127.0.0.1',
    ca: AUTHORITY_CERT,
    servername: 'localhost',
  });
  sockets.push(old);
  await new Promise((resolve) => old.once('secureConnect', resolve));
  http.setTls(material(CLIENT_KEY, CLIENT_CERT));
  expect((await secureGet(url, '/healthz', 'client')).subject).toBe('client');
  const reply = new Promise((resolve) => old.once('data', (bytes) => resolve(bytes.toString().slice(0, 15))));
  old.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  expect(await reply).toBe('HTTP/1.1 200 OK');
});

test('what of a key and a certificate does not fit is said before it is used', () => {
  const says = (key: string, cert: string, nowMs = Date.now()): string => {
    const checked = checkTls(key, cert, nowMs);
    return checked.ok ? '' : checked.error;
  };
  expect(says(SERVER_KEY, SERVER_CERT + AUTHORITY_CERT)).toBe('');
  expect(says(CLIENT_KEY, SERVER_CERT)).toContain('does not belong to the first certificate (CN=server)');
  expect(says(SERVER_KEY, AUTHORITY_CERT + SERVER_CERT)).toContain('put the server');
  expect(says(SERVER_KEY, '')).toContain('no certificate');
  expect(says('nonsense', SERVER_CERT)).toBe('the key cannot be read; it must be a private key in PEM');
  expect(says(SERVER_KEY, SERVER_CERT, Date.UTC(2200, 0, 1))).toContain('has ended on 2126-10-28');
  expect(says(SERVER_KEY, SERVER_CERT, Date.UTC(2020, 0, 1))).toContain('begins on 2026-11-21');
  const locked = '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n';
  expect(says(locked, SERVER_CERT)).toContain('passphrase');
});

test('a socket file has its mode, speaks plain HTTP beside TLS, and believes its proxy', async () => {
  const { http } = await start({ server: { tls: material() } });
  const path = join(dir, 'berth.sock');
  expect(await http.listenUnix(path, 0o660)).toBe(`unix:${path}`);
  expect((statSync(path).mode & 0o777).toString(8)).toBe('660');
  const get = (headers: Record<string, string> = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      request({ socketPath: path, path: '/v1/status', headers }, (reply) => {
        reply.resume().on('end', () => resolve(reply.statusCode ?? 0));
      })
        .on('error', reject)
        .end();
    });
  expect(await get({ 'x-forwarded-for': '192.0.2.7' })).toBe(401);
  expect(await get()).toBe(401);
  await until(() => kept.filter(({ event }) => event === 'request').length === 2, 'both lines');
  expect(kept.filter(({ event }) => event === 'request').map(({ fields }) => fields['address'])).toEqual([
    '192.0.2.7',
    'unix',
  ]);
});

test('a socket file that a killed server left is replaced; one in use is not', async () => {
  const first = await start();
  const path = join(dir, 'berth.sock');
  await first.http.listenUnix(path, 0o600);
  await expect(first.http.listenUnix(path, 0o600)).rejects.toThrow('EADDRINUSE');
});

test('whoever is slow with headers or body is cut off, and says so', async () => {
  const limits = { headersTimeoutMs: 300, requestTimeoutMs: 600, checkIntervalMs: 50 };
  const { url } = await start({ server: { limits } });
  const replies = await Promise.all([
    exchange(portOf(url), 'GET /v1/status HTTP/1.1\r\nHost: x\r\nX-Slow: '),
    exchange(
      portOf(url),
      'POST /v1/leases HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    ),
  ]);
  for (const reply of replies) expect(reply).toMatch(/^HTTP\/1\.1 (408|401) /);
  expect(replies[0]).toContain('"code":"request_timeout"');
});

test('whoever says nothing at all is cut off, also on a port of TLS', async () => {
  const limits = { headersTimeoutMs: 200, requestTimeoutMs: 400, checkIntervalMs: 50 };
  const plain = await start({ server: { limits } });
  await exchange(portOf(plain.url), '');
  await plain.close();
  server = null;
  const secure = await start({ server: { limits, tls: material() } });
  await exchange(portOf(secure.url), '');
  // The beginning of a handshake, and no more of it.
  await exchange(portOf(secure.url), '\x16\x03\x01');
});

test('one address holds so many connections and no more; others and its old ones go on', async () => {
  const limits = { connectionsPerAddressMax: 3 };
  const { url } = await start({ server: { limits } });
  const held = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise<Socket>((resolve) => {
          const socket = connect({ port: portOf(url), host: '127.0.0.1', localAddress: '127.0.0.2' }, () =>
            resolve(socket),
          );
          sockets.push(socket);
        }),
    ),
  );
  const ask = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  expect(await exchange(portOf(url), ask, '127.0.0.2')).toBe('');
  expect(await exchange(portOf(url), ask, '127.0.0.3')).toMatch(/^HTTP\/1\.1 200/);
  expect(kept).toContainEqual({ event: 'connection_refused', fields: { address: '127.0.0.2' } });
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^berth_connections_refused_total 1$/m);
  held[0]?.destroy();
  let reply = '';
  await until(async () => (reply = await exchange(portOf(url), ask, '127.0.0.2')) !== '', 'a free place');
  expect(reply).toMatch(/^HTTP\/1\.1 200/);
});

test('the connections of a declared proxy are not those of one caller', async () => {
  const limits = { connectionsPerAddressMax: 1 };
  const { url } = await start({ server: { limits, trustedProxies: ['127.0.0.0/8'] } });
  const ask = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  const replies = await Promise.all([1, 2, 3, 4].map(() => exchange(portOf(url), ask)));
  for (const reply of replies) expect(reply).toMatch(/^HTTP\/1\.1 200/);
});
