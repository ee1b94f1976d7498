import { describe, expect, test } from 'vitest';
import type { Step, StepKind } from '../../src/domain/provision/sighting.ts';
import type { OpenStackSession } from '../../src/openstack/session.ts';
import { projectIdOf, type Bench } from './bench.ts';
import { createLife, type Hooks, type Life } from './life.ts';
import { adminInLab2, adminSessionInLab2, expectNothingLeft } from './lives.ts';
import { RETRY_AFTER_S, type FaultStatus } from './target.ts';

/** All mutating calls of a life that begins, rests, comes back, and ends. */
const STEPS: readonly StepKind[] = [
  'createPort',
  'createServer',
  'createFloatingIp',
  'shelve',
  'lock',
  'unlock',
  'unshelve',
  'deleteFloatingIp',
  'deleteServer',
  'deletePort',
];

const REPLIES: Readonly<Record<FaultStatus, string>> = {
  409: 'conflict, effect none',
  429: `rate_limited, effect none, again after ${RETRY_AFTER_S} s`,
  500: 'unavailable, effect unknown',
  502: 'unavailable, effect unknown',
  503: 'unavailable, effect unknown',
  504: 'unavailable, effect unknown',
};

/** A refusal comes at once, so nothing can still be under way after this, ms. */
const REFUSED_CALL_MS = 50;

export function faultsContract(bench: () => Bench, statuses: readonly FaultStatus[]): void {
  describe('Faults', () => {
    adminInLab2(bench);

    test(`a life in which each call is refused with ${statuses.join(', ')} has one server`, async () => {
      const life = await lifeInLab2(bench());
      const left = new Map(STEPS.map((step) => [step, [...statuses]]));
      const beforeStep = async ({ kind }: Step): Promise<void> => {
        const status = left.get(kind)?.shift();
        if (status !== undefined) await bench().target.fault({ step: kind, status });
      };
      const failures = await wholeLife(life, { beforeStep, lostCallMs: REFUSED_CALL_MS });
      const expected = STEPS.flatMap((step) => statuses.map((status) => `${step}: ${REPLIES[status]}`));
      expect(failures).toEqual(expected);
      await expectNothingLeft(adminSessionInLab2(bench()), life);
    });

    test('calls that take effect after we gave up make one of everything, and leave nothing', async () => {
      const { target } = bench();
      const { shortTimeoutMs, lateMs: delayMs, lostCallMs } = target.pace;
      const life = await lifeInLab2(bench(), shortTimeoutMs);
      const late = new Set<StepKind>(LATE_STEPS);
      const beforeStep = async ({ kind }: Step): Promise<void> => {
        if (late.delete(kind)) await target.fault({ step: kind, delayMs });
      };
      const failures = await wholeLife(life, { beforeStep, lostCallMs });
      for (const step of LATE_STEPS) expect(failures).toContain(`${step}: no_reply, effect unknown`);
      await expectNothingLeft(adminSessionInLab2(bench()), life);
    });
  });
}

const LATE_STEPS: readonly StepKind[] = [
  'createPort',
  'createServer',
  'createFloatingIp',
  'unshelve',
  'deleteServer',
];

/** Of Berth as the administrator of the project, which needs no delegation. */
async function lifeInLab2(bench: Bench, callTimeoutMs?: number): Promise<Life> {
  const own: OpenStackSession = adminSessionInLab2(bench, callTimeoutMs);
  const { userId: ownerId } = await own.identity();
  const projectId = await projectIdOf(own);
  const kind = { ownership: 'service', placement: 'nova', rights: 'full', flavorName: 'gpu_tiny' } as const;
  return createLife(bench, { ...kind, own, ownerId, projectId });
}

/** All failures on the way, each in words. */
async function wholeLife(life: Life, hooks: Hooks): Promise<readonly string[]> {
  const said: string[] = [];
  for (const wanted of ['running', 'shelved', 'back', 'gone'] as const) {
    const { verdict, failures } = await life.bring(wanted, hooks);
    expect(verdict).toEqual({ kind: 'done' });
    if (wanted !== 'gone') await life.server();
    for (const { step, error } of failures) {
      const again = error.retryAfterMs === null ? '' : `, again after ${error.retryAfterMs / 1000} s`;
      said.push(`${step}: ${error.code}, effect ${error.effect}${again}`);
    }
  }
  return said;
}
