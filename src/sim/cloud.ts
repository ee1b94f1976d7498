/**
 * The simulated cloud: Keystone, Nova, Placement, Glance, and Neutron (Zed) as one pure machine, for exactly
 * the calls that Berth makes. It owns what a cloud would hold (accounts, servers, ports, hosts with their
 * devices), does what a cloud does over time, and fails as a cloud fails. It must not know Berth: it imports
 * nothing but `base`, and where it differs from a real OpenStack it is wrong. It has no clock, no timers and
 * no randomness of its own: time and generator are arguments, so the same requests at the same times give the
 * same cloud, bit for bit.
 *
 * Paths: `/identity/v3`, `/compute/v2.1`, `/placement`, `/image/v2`, `/network/v2.0`. Accounts are those of
 * the topology's projects, `admin`, and the service users; every password is the user's name.
 */
import { createHash } from 'node:crypto';
import { unreachable } from '../base/assert.ts';
import { canonicalJson } from '../base/json.ts';
import { createPrng, type Prng } from '../base/prng.ts';
import { dispatch, serviceError, serviceOf } from './dispatch.ts';
import { disturb } from './disturb.ts';
import { drawMs, noFaultState } from './faults.ts';
import type { ArmedFault, FaultKind, FaultPolicy, RequestFaultKind, WorldFaultKind } from './faults.ts';
import type { Reply, ServiceName, SimOutcome, SimRequest, SimResponse } from './http.ts';
import { liveToken } from './keystone.ts';
import { beginDelete, runEvent, setHostUp } from './lifecycle.ts';
import type {
  SimEvent,
  SimFloatingIp,
  SimHost,
  SimSecurityGroup,
  SimImage,
  SimPort,
  SimServer,
} from './model.ts';
import { auditWorld } from './placing.ts';
import { loadWorld, type SavedState, saveWorld } from './saved.ts';
import { seedWorld } from './seed.ts';
import { defaultTopology, type SimTopology } from './topology.ts';
import { REALISTIC_TIMINGS, type SimTimings, SimWorld } from './world.ts';

export interface SimCloudOptions {
  readonly topology?: SimTopology;
  readonly timings?: SimTimings;
  /** Called after each request (or late effect) that changed something, before anybody sees the reply. */
  readonly persist?: (cloud: SimCloud) => void;
}

export class SimCloud {
  readonly #world: SimWorld;
  readonly #persist: ((cloud: SimCloud) => void) | null;
  #keptRevision: number;

  constructor(options: SimCloudOptions = {}, saved?: SimWorld) {
    this.#world =
      saved ??
      new SimWorld(options.topology ?? defaultTopology, options.timings ?? REALISTIC_TIMINGS, noFaultState());
    if (saved === undefined) seedWorld(this.#world);
    this.#persist = options.persist ?? null;
    this.#keptRevision = this.#world.revision;
  }

  /** From parsed JSON of `toJSON`. Throws if it is something else, or contradicts itself. */
  static fromJSON(json: unknown, options: Pick<SimCloudOptions, 'persist'> = {}): SimCloud {
    return new SimCloud(options, loadWorld(json));
  }

  /** Shares its records with the cloud: serialise it at once. */
  toJSON(): SavedState {
    return saveWorld(this.#world);
  }

  /** SHA-256 of the whole state, hex. */
  stateHash(): string {
    return createHash('sha256').update(canonicalJson(this.toJSON())).digest('hex');
  }

  /**
   * Executes one request at `nowMs` (wall clock, ms; earlier than before counts as no time gone) and says
   * what the client sees and when. All that the cloud had to do until then is done first.
   */
  handle(request: SimRequest, nowMs: number, prng: Prng): SimOutcome {
    const world = this.#world;
    this.#advance(nowMs);
    world.requestCount += 1;
    for (const kind of world.faults.drawWorld(prng)) disturb(world, kind, null, prng);
    const service = serviceOf(request.path);
    const outcome =
      service === null
        ? this.#reply({ status: 404, text: 'Not Found' }, prng, 0)
        : this.#handleService(service, request, prng);
    this.#keep();
    return outcome;
  }

  /** Does what was due up to `nowMs`. `handle` does so by itself. */
  advance(nowMs: number): void {
    this.#advance(nowMs);
    this.#keep();
  }

  /** When the cloud next does something by itself; null: nothing is under way. */
  nextEventMs(): number | null {
    return this.#world.nextEventMs();
  }

  // -------------------------------------------------------------------------------------------------- faults

  get faultPolicy(): FaultPolicy {
    return this.#world.faults.policy;
  }

  set faultPolicy(policy: FaultPolicy) {
    this.#world.faults.policy = policy;
  }

  /** How often each fault took effect. */
  get faultCounts(): Readonly<Record<FaultKind, number>> {
    return this.#world.faults.counts;
  }

  /** Makes one fault certain for the next request or task that fits. */
  arm(fault: ArmedFault): void {
    this.#world.faults.arm(fault);
  }

  /** Makes something happen to the cloud now. False: nothing there that it fits. */
  disturb(kind: WorldFaultKind, target: string | null, nowMs: number, prng: Prng): boolean {
    this.#advance(nowMs);
    const done = disturb(this.#world, kind, target, prng);
    this.#keep();
    return done;
  }

  /** Until it is told otherwise. False: no such host. */
  setHostUp(name: string, up: boolean, nowMs: number): boolean {
    this.#advance(nowMs);
    if (!this.#world.hosts.has(name)) return false;
    setHostUp(this.#world, name, up);
    this.#keep();
    return true;
  }

  /** As somebody with the right to do so would, whatever state it is in. False: no such server. */
  deleteServer(id: string, nowMs: number, prng: Prng): boolean {
    this.#advance(nowMs);
    const server = this.#world.servers.get(id);
    if (server === undefined) return false;
    beginDelete(this.#world, server, null, prng);
    this.#keep();
    return true;
  }

  // -------------------------------------------------------------------------------------------- for checkers

  get servers(): ReadonlyMap<string, Readonly<SimServer>> {
    return this.#world.servers;
  }

  get hosts(): ReadonlyMap<string, Readonly<SimHost>> {
    return this.#world.hosts;
  }

  get ports(): ReadonlyMap<string, Readonly<SimPort>> {
    return this.#world.ports;
  }

  get floatingIps(): ReadonlyMap<string, Readonly<SimFloatingIp>> {
    return this.#world.floatingIps;
  }

  get images(): ReadonlyMap<string, Readonly<SimImage>> {
    return this.#world.images;
  }

  get securityGroups(): ReadonlyMap<string, Readonly<SimSecurityGroup>> {
    return this.#world.securityGroups;
  }

  get projectIds(): ReadonlyMap<string, string> {
    return new Map([...this.#world.projects.values()].map((project) => [project.name, project.id]));
  }

  get nowMs(): number {
    return this.#world.nowMs;
  }

  /**
   * Checks every record against every other; throws AssertionError. Each change is checked on its own anyway.
   */
  audit(): void {
    auditWorld(this.#world);
  }

  // -------------------------------------------------------------------------------------------------- inside

  #advance(nowMs: number): void {
    const world = this.#world;
    for (let event = world.takeDue(nowMs); event !== null; event = world.takeDue(nowMs)) {
      world.nowMs = Math.max(world.nowMs, event.atMs);
      if (event.kind === 'late') this.#runLate(event);
      else runEvent(world, event);
    }
    world.nowMs = Math.max(world.nowMs, nowMs);
  }

  #runLate(event: SimEvent): void {
    const { late } = event;
    const service = late === undefined ? null : serviceOf(late.path);
    if (late === undefined || service === null) return;
    const reply = dispatch(this.#world, service, late, createPrng(late.seed));
    if (reply.status < 400) this.#world.faults.count('acceptedLate');
  }

  #handleService(service: ServiceName, request: SimRequest, prng: Prng): SimOutcome {
    const { faults } = this.#world;
    const { method, path } = request;
    const fault = faults.drawRequest(method, path, prng, (kind) => this.#fits(kind, service, request));
    if (fault === null) return this.#reply(dispatch(this.#world, service, request, prng), prng, 0);
    if (fault !== 'acceptedLate') faults.count(fault);
    switch (fault) {
      case 'latency':
        return this.#reply(
          dispatch(this.#world, service, request, prng),
          prng,
          drawMs(faults.policy.latencyMs, prng),
        );
      case 'tokenDropped':
        this.#world.tokens.delete(request.headers['x-auth-token'] ?? '');
        this.#world.revision += 1;
        return this.#reply(dispatch(this.#world, service, request, prng), prng, 0);
      case 'requestLost':
        return this.#lost(prng);
      case 'replyDropped':
        dispatch(this.#world, service, request, prng);
        return this.#lost(prng);
      case 'errorAfterEffect':
        dispatch(this.#world, service, request, prng);
        return this.#reply(gatewayReply(502, 'Bad Gateway'), prng, 0);
      case 'acceptedLate':
        this.#acceptLate(request, prng);
        return this.#lost(prng);
      case 'forbidden':
      case 'conflict':
      case 'rateLimited':
      case 'serverError':
      case 'badGateway':
      case 'gatewayTimeout':
        return this.#reply(refusal(fault, service, faults.policy), prng, 0);
      default:
        return unreachable(fault);
    }
  }

  #fits(kind: RequestFaultKind, service: ServiceName, request: SimRequest): boolean {
    const writes = request.method !== 'GET' && request.method !== 'HEAD' && service !== 'identity';
    switch (kind) {
      case 'tokenDropped':
        return liveToken(this.#world, request.headers['x-auth-token']) !== null;
      case 'forbidden':
        return service !== 'identity';
      case 'conflict':
      case 'errorAfterEffect':
      case 'acceptedLate':
        return writes;
      case 'latency':
      case 'rateLimited':
      case 'serverError':
      case 'badGateway':
      case 'gatewayTimeout':
      case 'requestLost':
      case 'replyDropped':
        return true;
      default:
        return unreachable(kind);
    }
  }

  #acceptLate(request: SimRequest, prng: Prng): void {
    const world = this.#world;
    const atMs = world.nowMs + drawMs(world.faults.policy.lateMs, prng);
    const late = { ...request, headers: { ...request.headers }, seed: prng.below(2 ** 31) };
    world.schedule({ atMs, kind: 'late', subject: '', task: 0, late });
    world.revision += 1;
  }

  #lost(prng: Prng): SimOutcome {
    if (prng.chance(0.5)) return { kind: 'hang' };
    return { kind: 'reset', delayMs: drawMs(this.#world.faults.policy.resetMs, prng) };
  }

  #reply(reply: Reply, prng: Prng, extraMs: number): SimOutcome {
    const delayMs = extraMs + drawMs(this.#world.faults.policy.replyMs, prng);
    return { kind: 'reply', response: this.#respond(reply), delayMs };
  }

  #respond(reply: Reply): SimResponse {
    const world = this.#world;
    const requestId = `req-00000000-0000-4000-8000-${world.requestCount.toString(16).padStart(12, '0')}`;
    const hasJson = reply.json !== undefined;
    return {
      status: reply.status,
      headers: {
        date: new Date(world.nowMs + world.dateOffsetMs).toUTCString(),
        'x-openstack-request-id': requestId,
        ...(hasJson ? JSON_TYPE : reply.text === undefined ? {} : TEXT_TYPE),
        ...reply.headers,
      },
      body: hasJson ? JSON.stringify(reply.json) : (reply.text ?? ''),
    };
  }

  #keep(): void {
    if (this.#keptRevision === this.#world.revision) return;
    this.#keptRevision = this.#world.revision;
    this.#persist?.(this);
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };
const TEXT_TYPE = { 'content-type': 'text/plain; charset=UTF-8' };

/** What a fault without effect answers. */
function refusal(
  fault: 'forbidden' | 'conflict' | 'rateLimited' | 'serverError' | 'badGateway' | 'gatewayTimeout',
  service: ServiceName,
  policy: FaultPolicy,
): Reply {
  switch (fault) {
    case 'forbidden':
      return serviceError(service, 403, 'Forbidden', "Policy doesn't allow this to be performed.");
    case 'conflict':
      return serviceError(service, 409, 'Conflict', 'The resource is being changed by another request.');
    case 'rateLimited': {
      const reply = serviceError(service, 429, 'Too Many Requests', 'This request was rate-limited.');
      return { ...reply, headers: { ...reply.headers, 'retry-after': String(policy.retryAfterS) } };
    }
    case 'serverError':
      return serviceError(service, 500, 'Internal Server Error', 'Unexpected API Error.');
    case 'badGateway':
      return gatewayReply(502, 'Bad Gateway');
    case 'gatewayTimeout':
      return gatewayReply(504, 'Gateway Time-out');
    default:
      return unreachable(fault);
  }
}

/** As the load balancer in front of the services answers. */
function gatewayReply(status: number, title: string): Reply {
  const text = `<html><body><h1>${status} ${title}</h1>\nThe server returned an invalid response.\n</body></html>\n`;
  return { status, text, headers: { 'content-type': 'text/html' } };
}
