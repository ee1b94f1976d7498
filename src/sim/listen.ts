/**
 * The simulated cloud as an HTTP server, for the demo and the contract suite, with a small door under
 * `/_sim/` for whoever plays the operator of that cloud. Not hardened: it belongs on loopback.
 *
 *     GET  /_sim/state                 servers, hosts, ports, floating IPs, fault counts
 *     POST /_sim/faults                arm {"kind", "method"?, "pathContains"?}, or do {"kind", "target"?}
 *     PUT  /_sim/policy                {"rates": {kind: probability}}: what goes wrong from now on
 *     POST /_sim/hosts/{name}/up       also `down`
 *     POST /_sim/servers/{id}/delete   as somebody else would
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Prng } from '../base/prng.ts';
import { answerDoor } from './admin-door.ts';
import type { SimCloud } from './cloud.ts';
import type { SimOutcome, SimResponse } from './http.ts';

/** Nova reads at most 112 KiB of body; the largest thing that is sent here is user data of 64 KiB. */
const BODY_BYTES_MAX = 128 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** After how long a connection whose reply never comes is broken. */
const HANG_MS_MAX = 300_000;

export interface SimListener {
  /** Such as `http://127.0.0.1:43210`; the Keystone URL is this plus `/identity/v3`. */
  readonly url: string;
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly prng: Prng;
}

/** Serves until closed. Rejects if the address cannot be had. */
export async function listenSimCloud(cloud: SimCloud, options: ListenOptions): Promise<SimListener> {
  const { host, port, clock, prng } = options;
  let origin = '';
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const body = await readBody(request);
      if (body === null) send(response, { status: 413, headers: {}, body: 'Request is too large.' });
      else answer(cloud, clock, prng, origin, request, body, response);
    } catch (error) {
      // A client that went away, or a bug of the simulation: neither may end the process of the demo.
      const message = error instanceof Error ? error.message : 'unknown';
      send(response, { status: 500, headers: {}, body: `The simulation failed: ${message}` });
    }
  };
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => void serve(request, response),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  origin = originOf(server, host);
  return { url: origin, close: () => close(server) };
}

function originOf(server: Server, host: string): string {
  const address = server.address();
  assert(address !== null && typeof address === 'object', 'a listening server has an address');
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

function answer(
  cloud: SimCloud,
  clock: Clock,
  prng: Prng,
  origin: string,
  request: IncomingMessage,
  body: string,
  response: ServerResponse,
): void {
  const nowMs = clock.wallMs();
  const path = request.url ?? '/';
  const method = request.method ?? 'GET';
  if (path.startsWith('/_sim/')) {
    const isJson = request.headers['content-type']?.startsWith('application/json') === true;
    send(response, answerDoor(cloud, { method, path, body, isJson }, nowMs, prng));
    return;
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const outcome = cloud.handle(
    { method, path, origin, headers, body: body === '' ? null : body },
    nowMs,
    prng,
  );
  deliver(clock, outcome, response);
}

function deliver(clock: Clock, outcome: SimOutcome, response: ServerResponse): void {
  const delayMs = outcome.kind === 'hang' ? HANG_MS_MAX : outcome.delayMs;
  const cancel = clock.setTimer(delayMs, () => {
    if (outcome.kind === 'reply') send(response, outcome.response);
    else response.destroy();
  });
  response.once('close', cancel);
}

function send(response: ServerResponse, reply: SimResponse): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(reply.status, reply.headers);
  response.end(reply.status === 204 ? undefined : reply.body);
}

/** The body as text; null: too large. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    assert(Buffer.isBuffer(chunk), 'no encoding is set, so chunks are buffers');
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
