import type { FastifyInstance } from 'fastify';
import { routes } from '../../api/routes.ts';
import { asId } from '../../base/ids.ts';
import { SETUP_WORD_LENGTH_MAX } from '../../domain/model/setup.ts';
import { addressOf, limitKeyOf } from '../address.ts';
import { FAILED_AUTHENTICATIONS } from '../auth.ts';
import { fastifyPath } from '../dispatch.ts';
import type { ServerOptions } from '../options.ts';
import { Problem } from '../problem.ts';
import { createRateLimiter } from '../rate-limit.ts';
import { parsePart } from '../validate.ts';

/** cloud-init sends an instance id and whatever an image adds to it; only the word of a set-up is read. */
const BODY_BYTES_MAX = 16 * 1024;

/** The door for machines that tell that they are up: the secret in the path is all that they have. */
export function phoneHomeRoutes(app: FastifyInstance, options: ServerOptions): void {
  const { engine, isMachineOf, rateLimit, clock } = options;
  const failures = rateLimit && createRateLimiter(FAILED_AUTHENTICATIONS, clock);
  // cloud-init sends a form, scripts send JSON: the call itself is the message, but for the word of a set-up.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.post(fastifyPath(routes.phoneHome.path), { bodyLimit: BODY_BYTES_MAX }, async (request, reply) => {
    const { id, secret } = parsePart(routes.phoneHome.params, request.params);
    if (!isMachineOf(id, secret)) {
      const wait = failures?.take(limitKeyOf(addressOf(request))).waitSeconds ?? 0;
      if (wait === 0) throw nobodyWaits();
      throw new Problem('rate_limited', {
        detail: 'too many calls with a wrong secret from this address',
        headers: { 'retry-after': String(wait) },
      });
    }
    const machine = engine.as({ kind: 'system', name: 'phone-home' });
    const leaseId = asId<'lease'>(id);
    const word = setupWord(request.body);
    const outcome = await machine.submit(
      word === null ? { type: 'lease.calledHome', leaseId } : { type: 'lease.setupTold', leaseId, word },
    );
    if (!outcome.ok) throw nobodyWaits();
    return reply.code(routes.phoneHome.status).send();
  });
}

/** What the runner of a set-up tells (`setup=` of a form); null: cloud-init's own call, or something else. */
function setupWord(body: unknown): string | null {
  if (!Buffer.isBuffer(body)) return null;
  const word = new URLSearchParams(body.toString()).get('setup');
  return word === null
    ? null
    : word.replaceAll(/[\p{Cc}\p{Cs}]/gu, ' ').slice(0, SETUP_WORD_LENGTH_MAX) || null;
}

/** The same for a wrong secret, an unknown lease, and one that is ready already. */
function nobodyWaits(): Problem {
  return new Problem('not_found', { detail: 'nobody waits for this call' });
}
