/** Ways to plant a fault in the simulated cloud for `berth doctor`. */
import type { FindingCode } from '../../src/doctor/catalogue.ts';
import { hexId, namedUuid } from '../../src/sim/seed.ts';
import type { SimTopology } from '../../src/sim/topology.ts';
import { passwordOf, type PlantedFault } from './doctor.ts';
import type { SimSession } from './sim-client.ts';

export type Case = readonly [
  code: FindingCode,
  fault: PlantedFault,
  message: RegExp,
  fix?: RegExp,
  /** All codes, where the fault makes others true, too. */
  all?: readonly FindingCode[],
];

export function password(
  user: string,
): Extract<ReturnType<typeof passwordOf>, { readonly kind: 'password' }> {
  const credentials = passwordOf(user);
  if (credentials.kind !== 'password') throw new Error('a password is meant');
  return credentials;
}

export function keystoneSays(code: number, message: string): Response {
  return Response.json({ error: { code, message, title: 'Unauthorized' } }, { status: code });
}

export function services(changed: object): PlantedFault {
  return { topology: () => ({ services: changed }) };
}

export function gpus(type: string, count: string): Readonly<Record<string, string>> {
  return { gpu: 'True', gpu_type: type, gpu_count: count };
}

export function moreAggregates(...aggregates: readonly object[]): PlantedFault {
  return { topology: (base) => ({ aggregates: [...base.aggregates, ...aggregates] }) };
}

/** Changes the metadata of the one aggregate with GPUs; undefined: takes the key away. */
export function gpuAggregate(
  metadata: Readonly<Record<string, string | undefined>>,
  more: object = {},
): PlantedFault {
  const changed = (one: SimTopology['aggregates'][number]): object => {
    if (one.metadata['gpu_type'] === undefined) return one;
    const entries = Object.entries({ ...one.metadata, ...metadata }).filter(
      ([, value]) => value !== undefined,
    );
    return { ...one, metadata: Object.fromEntries(entries) };
  };
  return { topology: (base) => ({ aggregates: base.aggregates.map(changed), ...more }) };
}

export function moreFlavors(...flavors: readonly object[]): PlantedFault {
  const sized = flavors.map((flavor) => ({ vcpus: 4, ram: 8192, disk: 50, ...flavor }));
  return { topology: (base) => ({ flavors: [...base.flavors, ...sized] }) };
}

/** Changes Berth's own project. */
export function inService(changed: object): PlantedFault {
  const changedProject = (project: SimTopology['projects'][number]): object =>
    project.name === 'service' ? { ...project, ...changed } : project;
  return { topology: (base) => ({ projects: base.projects.map(changedProject) }) };
}

export function quota(limits: Readonly<Record<string, number>>): PlantedFault {
  const path = `/os-quota-sets/${hexId('project/service')}`;
  return { before: (admin) => void admin.nova('PUT', path, { quota_set: limits }) };
}

export function networkQuota(limits: Readonly<Record<string, number>>): PlantedFault {
  const path = `/quotas/${hexId('project/service')}`;
  return { before: (admin) => void admin.neutron('PUT', path, { quota: limits }) };
}

export function takePort(admin: SimSession): void {
  const port = { network_id: namedUuid('network/service/a'), project_id: hexId('project/service') };
  const { status } = admin.neutron('POST', '/ports', { port });
  if (status !== 201) throw new Error(`port: ${status}`);
}

/** Servers of another Berth in project demo. */
export function marked(admin: SimSession, count: number): void {
  const demo = admin.bench.login('demo');
  for (let n = 0; n < count; n++) demo.booted('gpu_tiny', { tags: [`berth:b1b1:lease-${n}`] });
}

/** Logs in with an application credential of the service user, which is made as it is made in a cloud. */
export function withCredential(more: object): PlantedFault {
  const secret = 'only for tests';
  const credential = { id: '' };
  return {
    before: ({ bench }) => {
      const owner = bench.login('cyborg', 'service');
      const path = `/identity/v3/users/${hexId('user/cyborg')}/application_credentials`;
      const body = { application_credential: { name: 'berth', secret, ...more } };
      const answer = bench.send('POST', path, body, owner.headers(93));
      credential.id = answer.json.application_credential.id;
    },
    credentials: { kind: 'applicationCredential', credential, secret },
  };
}
