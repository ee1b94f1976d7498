/** Stands between a client and a server, and breaks the connection where a test says so. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What happens to the next thing that a client sends. */
export type Fate =
  | 'pass'
  /** It does not arrive. */
  | 'lose_request'
  /** It arrives, and the answer does not. */
  | 'lose_reply';

export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #fate: Fate = 'pass';

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  private constructor(targetPort: number) {
    this.#server = createServer((client) => this.#join(client, connect(targetPort, '127.0.0.1')));
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  /** Counts once; what comes after is passed on again. */
  next(fate: Fate): void {
    this.#fate = fate;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket): void {
    let isReplyLost = false;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    client.on('data', (data) => {
      const fate = this.#fate;
      this.#fate = 'pass';
      if (fate === 'lose_request') return end();
      isReplyLost ||= fate === 'lose_reply';
      server.write(data);
    });
    server.on('data', (data) => {
      if (isReplyLost) end();
      else client.write(data);
    });
  }
}
