import type { FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from './listener.ts';
import type { ServerOptions, UserActor } from './options.ts';
import { Problem } from './problem.ts';
import { createRateLimiter } from './rate-limit.ts';

/**
 * Guessing 256 random bits is hopeless at any rate; this keeps the attempts out of the log and off the
 * processor.
 */
const FAILED_AUTHENTICATIONS = { perSecond: 0.5, burst: 20 } as const;

export interface Gate {
  /** Who asks. Throws a Problem when nobody known does, or asks too often. */
  admit(request: FastifyRequest): UserActor;
  /** Again, for a stream that outlives a token. */
  stillValid(secret: string | null): boolean;
  /** Open demo: throws where a foreign web page speaks through a browser of this machine. Else: nothing. */
  checkOrigin(request: FastifyRequest): void;
}

/** Authenticates callers; what they may do is the engine's matter. */
export function createGate(options: ServerOptions): Gate {
  const { engine, openAs, clock } = options;
  const callers = options.rateLimit && createRateLimiter(options.rateLimit, clock);
  const failures = options.rateLimit && createRateLimiter(FAILED_AUTHENTICATIONS, clock);

  const authenticate = (request: FastifyRequest): UserActor => {
    const secret = secretOf(request.headers);
    if (secret === null) {
      if (openAs !== null) return openAs;
      throw unauthenticated('unauthenticated', 'the request has no token');
    }
    const actor = engine.authenticate(secret);
    if (actor === 'expired')
      throw unauthenticated('token_expired', 'the token was valid once, and its time is over');
    if (actor?.kind === 'user') return actor;
    // A good token is let through whatever others on its address do: they may share a proxy.
    const wait = failures?.take(request.ip) ?? 0;
    if (wait > 0) throw tooMany(wait, 'too many failed authentications from this address');
    throw unauthenticated('unauthenticated', 'the token is unknown or revoked');
  };

  return {
    admit(request) {
      const actor = authenticate(request);
      const wait = callers?.take(`${actor.projectId}\n${actor.userId}`) ?? 0;
      if (wait > 0) throw tooMany(wait, 'this token sends requests faster than allowed');
      return actor;
    },
    stillValid: (secret) => (secret === null ? openAs !== null : isValid(engine.authenticate(secret))),
    checkOrigin(request) {
      if (openAs !== null) checkLocal(request);
    },
  };
}

/** The token of a request: `Authorization: Bearer` (RFC 6750) or `X-Auth-Token` (OpenStack); null: none. */
export function secretOf(headers: IncomingHttpHeaders): string | null {
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  if (headers.authorization !== undefined) return '';
  const token = headers['x-auth-token'];
  return typeof token === 'string' ? token : null;
}

/**
 * Nobody authenticates in the demo, so a page of another site must not be able to use the visitor's browser:
 * neither under a name that was rebound to 127.0.0.1 (the Host header tells), nor by a form or script that
 * needs no preflight (the Origin header tells).
 */
function checkLocal(request: FastifyRequest): void {
  const host = request.headers.host ?? '';
  if (!isLoopback(host.replace(/:\d{1,5}$/, ''))) {
    throw new Problem('misdirected_host', {
      detail: 'the demo answers only to localhost, 127.0.0.1 and [::1]',
    });
  }
  const { origin } = request.headers;
  if (origin === undefined || request.method === 'GET' || request.method === 'HEAD') return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new Problem('cross_origin', { detail: 'a page of another origin may change nothing here' });
}

function isValid(actor: ReturnType<ServerOptions['engine']['authenticate']>): boolean {
  return actor !== null && actor !== 'expired';
}

function unauthenticated(code: 'unauthenticated' | 'token_expired', detail: string): Problem {
  return new Problem(code, { detail, headers: { 'www-authenticate': 'Bearer realm="berth"' } });
}

function tooMany(waitSeconds: number, detail: string): Problem {
  return new Problem('rate_limited', { detail, headers: { 'retry-after': String(waitSeconds) } });
}
