import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IMAGE_ID, PUBLIC_ID, SimBench, V100_MEDIUM } from '../../test/support/sim-client.ts';
import { SimCloud } from './cloud.ts';
import { FAULT_KINDS, type FaultPolicy, NO_FAULTS } from './faults.ts';
import type { SimOutcome } from './http.ts';

/** One step of a random client: what it asks for, of which of the servers there are, after how long. */
const step = fc.record({
  act: fc.constantFrom(
    'bootGpu',
    'bootCpu',
    'bootTwice',
    'delete',
    'shelve',
    'unshelve',
    'stop',
    'start',
    'image',
    'lock',
    'unlock',
    'deletePort',
    'floatingIp',
    'list',
    'tags',
    'hostDown',
    'hostUp',
  ),
  pick: fc.nat(20),
  waitMs: fc.oneof(fc.constant(0), fc.nat(3000), fc.nat(60_000)),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const CHAOS: FaultPolicy = {
  ...NO_FAULTS,
  rates: Object.fromEntries(FAULT_KINDS.map((kind) => [kind, kind === 'tokenDropped' ? 0 : 0.03])),
};

describe('whatever clients do', () => {
  test('no host is oversubscribed and nothing answers 5xx by itself', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
        const bench = new SimBench({}, seed);
        for (const outcome of play(bench, steps)) {
          expect(outcome.kind).toBe('reply');
          if (outcome.kind === 'reply') expect(outcome.response.status).toBeLessThan(500);
        }
        bench.cloud.audit();
      }),
      { numRuns: 150 },
    );
  });

  test('the same seed and requests give the same cloud, faults and all', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
        const [first, second] = [0, 1].map(() => {
          const bench = new SimBench({}, seed);
          bench.cloud.faultPolicy = CHAOS;
          const outcomes = play(bench, steps);
          bench.cloud.audit();
          return { outcomes, hash: bench.cloud.stateHash() };
        });
        expect(second).toEqual(first);
      }),
      { numRuns: 50 },
    );
  });

  test('a cloud that was saved and loaded in between goes on as if nothing had been', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.array(step, { maxLength: 40 }), (before, after) => {
        const [straight, reloaded] = [false, true].map((reload) => {
          const bench = new SimBench();
          bench.cloud.faultPolicy = CHAOS;
          play(bench, before);
          if (reload) bench.cloud = SimCloud.fromJSON(JSON.parse(JSON.stringify(bench.cloud)));
          play(bench, after);
          return bench.cloud.stateHash();
        });
        expect(reloaded).toBe(straight);
      }),
      { numRuns: 50 },
    );
  });
});

test('what is no saved cloud is refused', () => {
  expect(() => SimCloud.fromJSON({ format: 0 })).toThrow('not a saved simulated cloud');
});

test('the persist hook sees each change before the reply, and no mere reading', () => {
  const saved: number[] = [];
  const bench = new SimBench({ persist: (cloud) => saved.push(cloud.servers.size) });
  const demo = bench.login('demo');
  saved.length = 0;
  demo.nova('GET', '/servers/detail');
  expect(saved).toEqual([]);
  demo.boot();
  expect(saved).toEqual([1]);
});

test('the cloud says when it will next do something by itself', () => {
  const bench = new SimBench();
  expect(bench.cloud.nextEventMs()).toBeNull();
  bench.login('demo').boot();
  expect(bench.cloud.nextEventMs()).toBe(bench.nowMs + 1000);
});

/** Tokens are drawn per call, so that two runs of one seed ask the same. */
function play(bench: SimBench, steps: readonly Step[]): readonly SimOutcome[] {
  const calm = bench.cloud.faultPolicy;
  bench.cloud.faultPolicy = NO_FAULTS;
  const demo = bench.login('demo');
  const { networkId } = demo;
  bench.cloud.faultPolicy = calm;
  return steps.map((item) => {
    bench.nowMs += item.waitMs;
    const [method, path, body] = requestOf(bench, item, networkId);
    return bench.outcome(method, path, body, demo.headers(93));
  });
}

function requestOf(bench: SimBench, { act, pick }: Step, networkId: string): [string, string, unknown?] {
  const ids = [...bench.cloud.servers.keys()];
  const id = ids[pick % Math.max(1, ids.length)] ?? 'none';
  const ports = [...bench.cloud.ports.keys()];
  const port = ports[pick % Math.max(1, ports.length)] ?? 'none';
  const action = `/compute/v2.1/servers/${id}/action`;
  const hosts = [...bench.cloud.hosts.keys()];
  const boot = (flavorRef: string, network: unknown): [string, string, unknown] => {
    const server = {
      name: `s${pick}`,
      flavorRef,
      imageRef: IMAGE_ID,
      networks: [network],
      tags: [`t${pick % 3}`],
    };
    return ['POST', '/compute/v2.1/servers', { server }];
  };
  switch (act) {
    case 'bootGpu':
      return boot(V100_MEDIUM, { uuid: networkId });
    case 'bootCpu':
      return boot('ci_large', { uuid: networkId });
    case 'bootTwice':
      return boot('gpu_tiny', { port });
    case 'delete':
      return ['DELETE', `/compute/v2.1/servers/${id}`];
    case 'shelve':
      return ['POST', action, { shelve: null }];
    case 'unshelve':
      return ['POST', action, { unshelve: null }];
    case 'stop':
      return ['POST', action, { 'os-stop': null }];
    case 'start':
      return ['POST', action, { 'os-start': null }];
    case 'image':
      return ['POST', action, { createImage: { name: 'snapshot' } }];
    case 'lock':
      return ['POST', action, { lock: null }];
    case 'unlock':
      return ['POST', action, { unlock: null }];
    case 'deletePort':
      return pick % 2 === 0
        ? ['DELETE', `/network/v2.0/ports/${port}`]
        : ['POST', '/network/v2.0/ports', { port: { network_id: networkId } }];
    case 'floatingIp': {
      const floatingip = { floating_network_id: PUBLIC_ID, port_id: port };
      return ['POST', '/network/v2.0/floatingips', { floatingip }];
    }
    case 'list':
      return ['GET', `/compute/v2.1/servers/detail?tags=t${pick % 3}`];
    case 'tags':
      return ['PUT', `/compute/v2.1/servers/${id}/tags`, { tags: [`t${pick % 3}`, 'x'] }];
    case 'hostDown':
    case 'hostUp':
      bench.cloud.setHostUp(hosts[pick % hosts.length] ?? '', act === 'hostUp', bench.nowMs);
      return ['GET', '/compute/v2.1/servers/detail'];
  }
}
