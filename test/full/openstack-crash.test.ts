/**
 * Berth's own process killed in the middle of its calls to a real OpenStack: after each restart a live lease
 * has exactly one server, and at its end nothing of it is left. BERTH_CRASHES: how often at each point.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crashedLife, lateLife, type Life } from '../support/real-crash.ts';
import {
  REAL_CLOUD_START_MS_MAX,
  startRealCloud,
  whyNoRealCloud,
  type RealCloud,
} from '../support/real-cloud.ts';

const reason = whyNoRealCloud();
if (reason !== null) console.warn(`no real OpenStack here: it ${reason}`);

const TIMES = Number(process.env['BERTH_CRASHES'] ?? 1);
/** Six starts, six crashes, and what a new process waits for calls that nobody answered. */
const LIFE_MS_MAX = 600_000;

describe.skipIf(reason !== null)('SIGKILL in front of a real OpenStack', { concurrent: true }, () => {
  let cloud: RealCloud;
  const lives: Life[] = [];

  beforeAll(async () => {
    cloud = await startRealCloud();
  }, REAL_CLOUD_START_MS_MAX);

  afterAll(async () => {
    await cloud.release();
    const crashes = lives.reduce((sum, life) => sum + life.crashes, 0);
    console.info(`${crashes} crashes in ${lives.length} lives; servers each: ${tally(lives)}`);
  });

  const rounds = Array.from({ length: TIMES }, (_, index) => index + 1);

  describe.each(rounds)('round %i', () => {
    test.each([
      ['before its call arrives', 'lose'],
      ['when its call is sent', 'send'],
      ['when its call is answered', 'answer'],
    ] as const)('%s', { timeout: LIFE_MS_MAX }, async (_when, handling) => {
      const life = await crashedLife(cloud, handling);
      lives.push(life);
      expect(life.crashes).toBe(6);
    });

    test.each(['active', 'ended'] as const)(
      'before calls that arrive when the lease is %s',
      { timeout: LIFE_MS_MAX },
      async (arrival) => {
        const life = await lateLife(cloud, arrival);
        lives.push(life);
        expect(life.crashes).toBe(4);
      },
    );
  });
});

/** How many lives had how many servers. */
function tally(lives: readonly Life[]): string {
  const by = Map.groupBy(lives, ({ serversEver }) => serversEver);
  return [...by].map(([servers, those]) => `${servers} (${those.length} lives)`).join(', ');
}
