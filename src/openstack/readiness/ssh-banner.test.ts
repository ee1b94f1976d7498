import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createVirtualClock } from '../../../test/support/virtual-clock.ts';
import { systemClock } from '../../base/clock.ts';
import { probeSsh, SSH_TIMEOUT_MS } from './ssh-banner.ts';

const servers: Server[] = [];
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** Something that listens on loopback and does this with who connects. */
async function listening(answer: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    answer(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const probe = (port: number) => probeSsh({ host: '127.0.0.1', port }, systemClock);

test.each(['SSH-2.0-OpenSSH_9.2\r\n', 'SSH-1.99-old\n', 'Welcome.\r\nSSH-2.0-x\r\n'])(
  '%j is a banner',
  async (banner) => {
    const port = await listening((socket) => socket.write(banner));
    expect(await probe(port)).toEqual({ ready: true });
  },
);

test('a banner that comes in pieces is one', async () => {
  const port = await listening((socket) => {
    socket.write('SSH-');
    setImmediate(() => socket.write('2.0-slow'));
    setTimeout(() => socket.write('\r\n'), 20);
  });
  expect(await probe(port)).toEqual({ ready: true });
});

test('a port where nobody listens', async () => {
  const port = await listening(() => undefined);
  await new Promise((resolve) => servers.pop()?.close(resolve));
  expect(await probe(port)).toEqual({
    ready: false,
    why: `SSH did not answer at 127.0.0.1:${port} (connection refused)`,
  });
});

test('another protocol is named, without its control characters', async () => {
  const port = await listening((socket) => socket.end('HTTP/1.1 400 Bad\u001B[2J Request\r\n\r\n'));
  expect(await probe(port)).toMatchObject({
    ready: false,
    why: expect.stringContaining("something else answers: 'HTTP/1.1 400 Bad[2J Request'"),
  });
});

test('who sends without end is cut off', async () => {
  const port = await listening((socket) => {
    const more = (): void => void (socket.destroyed || socket.write('x'.repeat(4096), more));
    more();
  });
  expect(await probe(port)).toMatchObject({ ready: false, why: expect.stringContaining('something else') });
});

test('who closes at once', async () => {
  const port = await listening((socket) => socket.end());
  expect(await probe(port)).toMatchObject({ why: expect.stringContaining('closed without an SSH banner') });
});

test('who is silent is left after the time-out', async () => {
  const clock = createVirtualClock(0);
  const connected = Promise.withResolvers<void>();
  const port = await listening(() => connected.resolve());
  let isOver = false;
  const probing = probeSsh({ host: '127.0.0.1', port }, clock).finally(() => (isOver = true));
  await connected.promise;
  await new Promise(setImmediate);
  expect(isOver).toBe(false);
  await clock.run(SSH_TIMEOUT_MS);
  expect(await probing).toEqual({
    ready: false,
    why: `SSH did not answer at 127.0.0.1:${port} (connected, but no SSH banner within 3 s)`,
  });
});

test('a name that does not exist', async () => {
  expect(await probeSsh({ host: 'no-such-host.invalid', port: 22 }, systemClock)).toMatchObject({
    why: 'SSH did not answer at no-such-host.invalid:22 (the name does not resolve)',
  });
});
