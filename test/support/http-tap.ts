/**
 * A proxy in front of one service, which passes everything on but the calls that a test has asked for: those
 * it loses, answers never, or keeps back for as long as the test likes, and it tells when they have come.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Handling =
  /** It never arrives. */
  | 'lose'
  /** It arrives; the test hears of it as soon as it is sent, and nobody gets the answer. */
  | 'send'
  /** It is done; the test hears of it then, and nobody gets the answer. */
  | 'answer'
  /** It arrives when the test says so. */
  | 'hold';

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export interface Caught {
  /** Resolves at the moment that the handling names. */
  readonly reached: Promise<void>;
  /** For `hold`: sends it, and resolves with the status of the answer. */
  letGo(): Promise<number>;
}

interface Trap {
  readonly handling: Handling;
  readonly matches: (call: Call) => boolean;
  readonly caught: PromiseWithResolvers<() => Promise<number>>;
  readonly reached: PromiseWithResolvers<void>;
}

export class HttpTap {
  readonly #target: URL;
  readonly #server = createServer((request, response) => {
    this.#pass(request, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    );
  });
  readonly #traps: Trap[] = [];

  private constructor(target: string) {
    this.#target = new URL(target);
  }

  /** `target`: an endpoint of the catalog. */
  static async open(target: string): Promise<HttpTap> {
    const tap = new HttpTap(target);
    await new Promise<void>((resolve) => tap.#server.listen(0, '127.0.0.1', resolve));
    return tap;
  }

  /** To be used instead of the target. */
  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the tap is closed');
    return `http://127.0.0.1:${(address satisfies AddressInfo).port}${this.#target.pathname}`;
  }

  /** A trap for the next call that matches. */
  set(handling: Handling, matches: (call: Call) => boolean): Caught {
    const trap: Trap = {
      handling,
      matches,
      caught: Promise.withResolvers(),
      reached: Promise.withResolvers(),
    };
    this.#traps.push(trap);
    return { reached: trap.reached.promise, letGo: async () => (await trap.caught.promise)() };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
    const call: Call = { method: request.method ?? '', path: request.url ?? '', body };
    const send = (): Promise<Response> => this.#send(call, request);
    const trap = this.#traps.find(({ matches }) => matches(call));
    if (trap === undefined) return answer(response, await send());
    this.#traps.splice(this.#traps.indexOf(trap), 1);
    return spring(trap, send);
  }

  #send({ method, path, body }: Call, { headers }: IncomingMessage): Promise<Response> {
    const kept = Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name));
    return fetch(new URL(path, this.#target), {
      method,
      headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
      body: body === '' ? null : body,
      redirect: 'manual',
    });
  }
}

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'host',
  'content-length',
  'accept-encoding',
]);

/** The caller of a caught call waits for ever: what ends it is its own patience. */
async function spring({ handling, caught, reached }: Trap, send: () => Promise<Response>): Promise<void> {
  const status = async (): Promise<number> => (await send()).status;
  switch (handling) {
    case 'lose':
      break;
    case 'send':
      void status();
      break;
    case 'answer':
      await status();
      break;
    case 'hold':
      caught.resolve(status);
      break;
  }
  reached.resolve();
}

async function answer(response: ServerResponse, from: Response): Promise<void> {
  const body = Buffer.from(await from.arrayBuffer());
  for (const [name, value] of from.headers) {
    if (!HOP_BY_HOP.has(name) && name !== 'content-encoding' && name !== 'transfer-encoding')
      response.setHeader(name, value);
  }
  response.writeHead(from.status);
  response.end(body);
}
