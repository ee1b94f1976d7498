/** A user of the simulated cloud who calls it directly and turns its clock by hand. */
import { createPrng, type Prng } from '../../src/base/prng.ts';
import { SimCloud, type SimCloudOptions } from '../../src/sim/cloud.ts';
import type { SimOutcome } from '../../src/sim/http.ts';
import { hexId, namedUuid } from '../../src/sim/seed.ts';
import type { SimTimings } from '../../src/sim/world.ts';

const T0 = Date.UTC(2026, 10, 21, 12, 0, 0);
export const ORIGIN = 'http://sim.invalid';

/** Every step takes exactly this long, so that tests can say when. */
export const FIXED_TIMINGS: SimTimings = {
  scheduleMs: [1000, 1000],
  spawnMs: [10_000, 10_000],
  shelveMs: [20_000, 20_000],
  offloadMs: [2000, 2000],
  powerMs: [3000, 3000],
  snapshotMs: [5000, 5000],
  deleteMs: [4000, 4000],
  pciReportMs: [5000, 5000],
  shelvedOffloadTimeMs: 0,
  tokenLifetimeMs: 3_600_000,
};

export const IMAGE_ID = namedUuid('image/ubuntu-22.04-cuda');
export const V100_MEDIUM = namedUuid('flavor/de.NBI GPU V100 medium');
export const PUBLIC_ID = namedUuid('network/admin/public');

export interface SimAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  // The tests say what they expect of it; a schema here would test the schema.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any;
}

export class SimBench {
  cloud: SimCloud;
  nowMs = T0;
  readonly prng: Prng;

  constructor(options: SimCloudOptions = {}, seed = 1) {
    this.cloud = new SimCloud({ timings: FIXED_TIMINGS, ...options });
    this.prng = createPrng(seed);
  }

  /** A session of the account, scoped to its own project unless another is named. */
  login(name: string, projectName = name === 'admin' ? 'admin' : name): SimSession {
    const answer = this.send('POST', '/identity/v3/auth/tokens', {
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name, domain: { id: 'default' }, password: name } },
        },
        scope: { project: { name: projectName, domain: { id: 'default' } } },
      },
    });
    if (answer.status !== 201) throw new Error(`login as ${name}: ${answer.status}`);
    return new SimSession(this, answer.headers['x-subject-token'] ?? '', hexId(`project/${projectName}`));
  }

  outcome(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): SimOutcome {
    const text = body === undefined ? null : JSON.stringify(body);
    return this.cloud.handle({ method, path, origin: ORIGIN, headers, body: text }, this.nowMs, this.prng);
  }

  send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): SimAnswer {
    const outcome = this.outcome(method, path, body, headers);
    if (outcome.kind !== 'reply') throw new Error(`no reply: ${outcome.kind}`);
    const { status, body: text, headers: replied } = outcome.response;
    const isJson = replied['content-type'] === 'application/json';
    return { status, headers: replied, json: isJson && text !== '' ? JSON.parse(text) : null };
  }

  wait(ms: number): void {
    this.nowMs += ms;
    this.cloud.advance(this.nowMs);
  }
}

export class SimSession {
  readonly bench: SimBench;
  readonly token: string;
  readonly projectId: string;

  constructor(bench: SimBench, token: string, projectId: string) {
    this.bench = bench;
    this.token = token;
    this.projectId = projectId;
  }

  headers(minor: number): Record<string, string> {
    return {
      'x-auth-token': this.token,
      'openstack-api-version': `compute 2.${minor}, placement 1.36`,
      'content-type': 'application/json',
    };
  }

  nova(method: string, path: string, body?: unknown, minor = 93): SimAnswer {
    return this.bench.send(method, `/compute/v2.1${path}`, body, this.headers(minor));
  }

  neutron(method: string, path: string, body?: unknown): SimAnswer {
    return this.bench.send(method, `/network/v2.0${path}`, body, this.headers(93));
  }

  get(path: string): SimAnswer {
    return this.bench.send('GET', path, undefined, this.headers(93));
  }

  get networkId(): string {
    const { networks } = this.neutron('GET', '/networks?name=private').json;
    return networks.find((network: { project_id: string }) => network.project_id === this.projectId).id;
  }

  createPort(): { readonly id: string; readonly address: string } {
    const { port } = this.neutron('POST', '/ports', { port: { network_id: this.networkId } }).json;
    return { id: port.id, address: port.fixed_ips[0].ip_address };
  }

  boot(flavor = V100_MEDIUM, extra: Readonly<Record<string, unknown>> = {}): SimAnswer {
    const networks = [{ uuid: this.networkId }];
    const server = { name: 'gpu-1', flavorRef: flavor, imageRef: IMAGE_ID, networks, ...extra };
    return this.nova('POST', '/servers', { server });
  }

  /** Boots and waits until that is over; returns the id. */
  booted(flavor = V100_MEDIUM, extra: Readonly<Record<string, unknown>> = {}): string {
    const answer = this.boot(flavor, extra);
    if (answer.status !== 202) throw new Error(`boot: ${answer.status} ${JSON.stringify(answer.json)}`);
    this.bench.wait(11_000);
    return answer.json.server.id;
  }

  // oxlint-disable-next-line typescript/no-explicit-any
  server(id: string): any {
    return this.nova('GET', `/servers/${id}`).json.server;
  }

  act(id: string, action: Readonly<Record<string, unknown>>, minor = 93): SimAnswer {
    return this.nova('POST', `/servers/${id}/action`, action, minor);
  }
}
