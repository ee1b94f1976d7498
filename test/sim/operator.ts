/**
 * What a store that was restored from an older copy leaves in the cloud, and the operator who deals with it:
 * servers with our mark that no lease and no intent tells of. They are made past the service, and undisturbed
 * by the faults that it meets; what becomes of them is not spared. Each is adopted, or deleted by hand.
 */
import { assert, assertDefined } from '../../src/base/assert.ts';
import { asId, type LeaseId } from '../../src/base/ids.ts';
import type { Prng } from '../../src/base/prng.ts';
import { MINUTE_MS } from '../../src/base/units.ts';
import type { UserCommand } from '../../src/domain/command.ts';
import type { World } from '../../src/domain/world.ts';
import { markMetadata, markText } from '../../src/openstack/marks.ts';
import type { SimCloud } from '../../src/sim/cloud.ts';
import { NO_FAULTS } from '../../src/sim/faults.ts';
import { hexId, namedUuid } from '../../src/sim/seed.ts';
import { admin, type Act } from './workload.ts';

const ORIGIN = 'http://sim.invalid';
const IMAGE_ID = namedUuid('image/ubuntu-22.04-cuda');
const PRIVATE_ID = namedUuid('network/service/private');
const PUBLIC_ID = namedUuid('network/admin/public');
const FLAVORS = ['gpu_tiny', 'gpu_large', namedUuid('flavor/de.NBI 2 GPU V100 large')] as const;
/** Made more seldom than they are dealt with, so that they do not take the cards away from everybody else. */
const UNKNOWN_MAX = 1;

type Server = NonNullable<ReturnType<SimCloud['servers']['get']>>;

export class Operator {
  readonly #cloud: SimCloud;
  readonly #prng: Prng;
  readonly #deploymentId: string;

  constructor(cloud: SimCloud, prng: Prng, deploymentId: string) {
    this.#cloud = cloud;
    this.#prng = prng;
    this.#deploymentId = deploymentId;
  }

  /** A server that nobody remembers, with port and floating IP; false: there is enough of that. */
  loseOne(world: World): boolean {
    const unknown = [...this.#cloud.servers.values()].filter((server) => !isRecorded(world, server.id));
    if (unknown.filter(({ tags }) => tags.length > 0).length >= UNKNOWN_MAX) return false;
    const leaseId = asId<'lease'>(this.#prng.uuid());
    const token = this.#login();
    const portId = this.#makePort(token, leaseId);
    this.#makeServer(token, leaseId, portId);
    const ip = { floating_network_id: PUBLIC_ID, port_id: portId, description: this.#mark(leaseId) };
    this.#send(token, 'POST', '/network/v2.0/floatingips', { floatingip: ip });
    return true;
  }

  /**
   * Goes through the findings: drops what is of no use to anybody, and adopts a server that runs. null: there
   * is nothing for which a command is needed.
   */
  tend(world: World, mayAdopt: boolean): Act | null {
    const servers: string[] = [];
    for (const { code, subject } of world.findings.values()) {
      if (code !== 'orphan') continue;
      const id = subject.slice(subject.indexOf(':') + 1);
      if (subject.startsWith('server/')) servers.push(id);
      else if (subject.startsWith('port/')) this.#dropPort(id);
      else this.#dropFloatingIp(id);
    }
    return servers.length === 0 ? null : this.#tendServer(world, this.#prng.pick(servers), mayAdopt);
  }

  #tendServer(world: World, id: string, mayAdopt: boolean): Act | null {
    const server = this.#cloud.servers.get(id);
    if (server === undefined || isRecorded(world, id)) return null;
    const isBusy = server.vmState === 'building' || server.taskState !== null;
    if (isBusy && mayAdopt) return null;
    if (mayAdopt && server.vmState === 'active' && this.#prng.chance(0.8))
      return this.#adoption(world, server);
    this.#cloud.deleteServer(id, this.#cloud.nowMs, this.#prng);
    return null;
  }

  #adoption(world: World, server: Server): Act | null {
    const flavor = [...world.flavors.values()].find(({ externalId }) => externalId === server.flavor.id);
    const row = [...world.hosts.values()].find(({ host }) => host.name === server.host);
    const [portId] = server.portIds;
    const ip = [...this.#cloud.floatingIps.values()].find((each) => each.portId === portId);
    if (flavor === undefined || row === undefined || portId === undefined || ip === undefined) return null;
    const prng = this.#prng;
    const marked = asId<'lease'>(server.metadata['berth_lease'] ?? prng.uuid());
    const isWhole = prng.chance(0.7);
    const command: UserCommand = {
      type: 'lease.adopt',
      leaseId: prng.chance(0.5) ? marked : asId(prng.uuid()),
      projectId: asId('demo'),
      ownerId: 'user-0',
      name: 'adopted',
      flavorId: flavor.id,
      running: { hostId: row.host.id, connection: { host: ip.address, port: 22, user: 'ubuntu' } },
      refs: {
        portId: isWhole ? portId : null,
        serverId: server.id,
        floatingIpId: isWhole ? ip.id : null,
        address: ip.address,
      },
      durationMs: 2 * MINUTE_MS + prng.below(10 * MINUTE_MS),
      atEnd: prng.chance(0.5) ? 'shelve' : 'delete',
    };
    return admin(command);
  }

  #dropPort(id: string): void {
    const port = this.#cloud.ports.get(id);
    if (port === undefined || port.deviceId !== '') return;
    this.#send(this.#login(), 'DELETE', `/network/v2.0/ports/${id}`);
  }

  #dropFloatingIp(id: string): void {
    const ip = this.#cloud.floatingIps.get(id);
    const port = ip?.portId === null ? undefined : this.#cloud.ports.get(ip?.portId ?? '');
    if (ip === undefined || (port !== undefined && port.deviceId !== '')) return;
    this.#send(this.#login(), 'DELETE', `/network/v2.0/floatingips/${id}`);
  }

  #makePort(token: string, leaseId: LeaseId): string {
    const port = { network_id: PRIVATE_ID, name: `berth-${leaseId}`, description: this.#mark(leaseId) };
    const answer = this.#send(token, 'POST', '/network/v2.0/ports', { port });
    const made = [...this.#cloud.ports.values()].find(({ description }) => description === port.description);
    return assertDefined(made, `the port is made: ${answer.body}`).id;
  }

  #makeServer(token: string, leaseId: LeaseId, portId: string): void {
    const server = {
      name: `berth-${leaseId}`,
      flavorRef: this.#prng.pick(FLAVORS),
      imageRef: IMAGE_ID,
      networks: [{ port: portId }],
      tags: [this.#mark(leaseId)],
      metadata: markMetadata(this.#deploymentId, leaseId),
    };
    this.#send(token, 'POST', '/compute/v2.1/servers', { server });
  }

  #login(): string {
    const user = { name: 'cyborg', domain: { id: 'default' }, password: 'cyborg' };
    const scope = { project: { id: hexId('project/service') } };
    const auth = { identity: { methods: ['password'], password: { user } }, scope };
    const answer = this.#send('', 'POST', '/identity/v3/auth/tokens', { auth });
    return assertDefined(answer.headers['x-subject-token'], 'a login is answered with a token');
  }

  /** A call that no fault disturbs, at the time that the cloud has now. */
  #send(token: string, method: string, path: string, body: unknown = null): ReturnType<typeof replied> {
    const cloud = this.#cloud;
    const headers = { 'x-auth-token': token, 'openstack-api-version': 'compute 2.93' };
    const text = body === null ? null : JSON.stringify(body);
    const { faultPolicy } = cloud;
    cloud.faultPolicy = NO_FAULTS;
    const request = { method, path, origin: ORIGIN, headers, body: text };
    const outcome = cloud.handle(request, cloud.nowMs, this.#prng);
    cloud.faultPolicy = faultPolicy;
    return replied(outcome);
  }

  #mark(leaseId: LeaseId): string {
    return markText(this.#deploymentId, leaseId);
  }
}

function isRecorded(world: World, serverId: string): boolean {
  return [...world.leases.values()].some(({ refs }) => refs.serverId === serverId);
}

type Outcome = ReturnType<SimCloud['handle']>;

function replied(outcome: Outcome): Extract<Outcome, { readonly kind: 'reply' }>['response'] {
  assert(outcome.kind === 'reply', 'an undisturbed cloud answers');
  assert(outcome.response.status < 300, `the cloud does what the operator asks: ${outcome.response.body}`);
  return outcome.response;
}
