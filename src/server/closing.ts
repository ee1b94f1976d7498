import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';

/** While closing, connections on which nothing is under way any more are closed this often … */
const SWEEP_MS = 50;
/**
 * … and after so many sweeps (5 s) all: a command takes milliseconds, and a supervisor kills after 10 s or
 * more.
 */
const SWEEPS_MAX = 100;

export type Closer = () => Promise<void>;

/**
 * Returns the function that closes the server: requests under way are finished, and nobody is waited for who
 * only keeps a connection open. Node closes connections that are idle at that moment, but neither those that
 * get idle later nor those that never carried a request (browsers and undici open them in advance); measured
 * with Node 24.
 */
export function createCloser(server: Server, clock: Clock, secure: boolean): Closer {
  const unused = new Set<Socket>();
  server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.on('request', ({ socket }) => unused.delete(socket));

  return async () => {
    if (!server.listening) return;
    let sweeps = 0;
    const sweep = (): (() => void) =>
      clock.setTimer(SWEEP_MS, () => {
        sweeps += 1;
        for (const socket of unused) socket.destroy();
        if (sweeps > SWEEPS_MAX) server.closeAllConnections();
        else server.closeIdleConnections();
        cancel = sweep();
      });
    let cancel = sweep();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
    cancel();
  };
}
