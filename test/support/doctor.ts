/** A simulated cloud with a fault planted in it, examined as `berth doctor` does. */
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { createPrng } from '../../src/base/prng.ts';
import type { FindingCode } from '../../src/doctor/catalogue.ts';
import { examine } from '../../src/doctor/doctor.ts';
import type { CloudSettings } from '../../src/doctor/facts.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import type { Credentials } from '../../src/openstack/credentials.ts';
import type { Fetch } from '../../src/openstack/http.ts';
import type { SessionOptions } from '../../src/openstack/session.ts';
import { NO_FAULTS } from '../../src/sim/faults.ts';
import { createSimFetch } from '../../src/sim/sim-fetch.ts';
import { defaultTopology, parseTopology, type SimTopology } from '../../src/sim/topology.ts';
import { SimBench, type SimSession } from './sim-client.ts';

const DOMAIN = { id: 'default' };
const PROJECTS = [...defaultTopology.projects, { name: 'service', private_cidr: '10.30.0.0/24' }];

export interface PlantedFault {
  /** Replaces keys of the default topology. */
  readonly topology?: (base: SimTopology) => object;
  readonly settings?: Partial<CloudSettings>;
  readonly login?: Partial<Omit<SessionOptions, 'clock'>>;
  readonly credentials?: Credentials;
  /** What somebody did in the cloud before, as its administrator. */
  readonly before?: (admin: SimSession) => void;
  /** What the cloud answers instead; null: as it would. */
  readonly instead?: (url: string, method: string) => Response | null | Promise<Response | null>;
  /** How far the clock here is ahead of the cloud's, ms. */
  readonly aheadMs?: number;
  readonly deploymentId?: string | null;
}

/** The settings of a server that lends from its own project. */
const SETTINGS: CloudSettings = {
  name: 'sim',
  ownership: 'service',
  placement: 'nova',
  network: null,
  externalNetwork: 'auto',
  image: null,
  configDrive: false,
  sshPort: 22,
  aliases: { 'tesla-v100': 'V100' },
  vcpuRatio: 4,
  declaredHosts: 0,
  projects: [],
};

export function passwordOf(user: string, password = user, project = 'service'): Credentials {
  const scope = { kind: 'project', project: { name: project, domain: DOMAIN } } as const;
  return { kind: 'password', user: { name: user, domain: DOMAIN }, password, scope };
}

/** The findings of a cloud with the fault, those that are good to know left out. */
export async function findings(fault: PlantedFault): Promise<readonly Finding[]> {
  return (await allFindings(fault)).filter(({ severity }) => severity !== 'info');
}

export async function allFindings(fault: PlantedFault): Promise<readonly Finding[]> {
  const topology = { ...defaultTopology, projects: PROJECTS };
  const bench = new SimBench({ topology: parseTopology({ ...topology, ...fault.topology?.(topology) }) });
  bench.cloud.faultPolicy = { ...NO_FAULTS, replyMs: [0, 0] };
  fault.before?.(bench.login('admin'));
  const answered = createSimFetch(bench.cloud, cloudClock(bench.nowMs), createPrng(7));
  const ownFetch: Fetch = async (url, init) => {
    const other = await fault.instead?.(url, init.method);
    if (other !== null && other !== undefined) return other;
    // Nothing of the test leaves this process: what the catalog has elsewhere is not there.
    if (!url.startsWith('http://sim.invalid')) throw connectionRefused();
    return answered(url, init);
  };
  return examine({
    cloud: { ...SETTINGS, ...fault.settings },
    login: {
      authUrl: 'http://sim.invalid/identity',
      credentials: fault.credentials ?? passwordOf('cyborg'),
      region: null,
      interfaces: ['public'],
      callTimeoutMs: 5000,
      fetch: ownFetch,
      ...fault.login,
    },
    clock: shifted(cloudClock(bench.nowMs), fault.aheadMs ?? 0),
    deploymentId: fault.deploymentId ?? null,
    say: () => {},
  });
}

/** Codes, without repetitions. */
export function codesOf(found: readonly Finding[]): readonly FindingCode[] {
  return [...new Set(found.map(({ code }) => code))];
}

/** The cloud's time stands where its bench has left it, and goes on as here. */
function cloudClock(startMs: number): Clock {
  const originMs = startMs - systemClock.monotonicMs();
  return { ...systemClock, wallMs: () => originMs + systemClock.monotonicMs() };
}

function shifted(clock: Clock, byMs: number): Clock {
  return { ...clock, wallMs: () => clock.wallMs() + byMs };
}

function connectionRefused(): TypeError {
  const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), { code: 'ECONNREFUSED' });
  return new TypeError('fetch failed', { cause });
}

export function tlsFailure(code: string): TypeError {
  return new TypeError('fetch failed', { cause: Object.assign(new Error('certificate'), { code }) });
}
