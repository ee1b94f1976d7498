/**
 * Reads the facts of a cloud: each call once, bounded in time by the session, and never one that changes
 * anything. What is read depends on what was read before only where an id is needed.
 */
import type { Clock } from '../base/clock.ts';
import type { Credentials } from '../openstack/credentials.ts';
import { listImages } from '../openstack/glance/image-list.ts';
import { createHttp } from '../openstack/http.ts';
import { readApplicationCredential } from '../openstack/keystone/application-credentials.ts';
import { findProject, ownProjects, projectsNamed } from '../openstack/keystone/projects.ts';
import { rolesByProject } from '../openstack/keystone/roles.ts';
import { readIdentityVersion } from '../openstack/keystone/version.ts';
import { readAddressUse, type AddressUse } from '../openstack/neutron/address-use.ts';
import { listNetworks } from '../openstack/neutron/networks.ts';
import { listRouters } from '../openstack/neutron/routers.ts';
import { listAggregates } from '../openstack/nova/aggregates.ts';
import { listFlavors } from '../openstack/nova/flavors.ts';
import { listHypervisors } from '../openstack/nova/hypervisors.ts';
import { listServers } from '../openstack/nova/servers.ts';
import { computeVersions } from '../openstack/nova/versions.ts';
import { listPciProviders } from '../openstack/placement/pci-providers.ts';
import { PlacementTrees, type Trees } from '../openstack/placement/trees.ts';
import { placementVersions } from '../openstack/placement/versions.ts';
import { createSession, type OpenStackSession } from '../openstack/session.ts';
import { createCalls, type Calls } from './calls.ts';
import { clockOf, endpointOf, logIn, loginFacts, projectsOf, type Login } from './collect-login.ts';
import { collectProject } from './collect-project.ts';
import type { CloudSettings, Facts, NamedProject, ProjectFacts } from './facts.ts';
import { lendingProjects } from './lending.ts';

export interface Examination {
  readonly cloud: CloudSettings;
  readonly login: Login;
  readonly clock: Clock;
  /** Of the store that the server would open; null: there is none. */
  readonly deploymentId: string | null;
  /** What is being done, for a person who waits. */
  readonly say: (text: string) => void;
}

/** Without these Berth does not work; the accelerator service is asked for only where a flavor needs it. */
const SERVICES = ['compute', 'network', 'image', 'placement'] as const;

/** Projects that are looked at one by one; of more, the first. A cloud of thousands must not take an hour. */
const PROJECTS_MAX = 50;

/** Never rejects for what the cloud does: what cannot be read is null, and in `failures`. */
export async function collectFacts(examination: Examination): Promise<Facts> {
  const { login, clock, say } = examination;
  const calls = createCalls(say);
  const http = createHttp({ fetch: login.fetch, clock, timeoutMs: login.callTimeoutMs });
  const nothing = nothingYet(examination, calls);
  const startMs = clock.monotonicMs();
  const identity = await calls.read('identity', `the version of Keystone at ${login.authUrl}`, async () => ({
    dateMs: await readIdentityVersion(http, login.authUrl),
  }));
  if (identity === null) return nothing;
  const clockFact = clockOf(identity.dateMs, clock, clock.monotonicMs() - startMs);
  say('logging in');
  const token = await logIn(http, login);
  if (!token.ok) {
    const projectsOfUser = await projectsOf(login, clock, token.failure);
    return { ...nothing, clock: clockFact, loginFailure: token.failure, projectsOfUser };
  }
  const { userId, userName, projectId, projectName, roles, catalog } = token.issued;
  const known: Facts = {
    ...nothing,
    clock: clockFact,
    token: { userId, userName, projectId, projectName, roles },
    serviceTypes: catalog.map(({ type }) => type),
    endpoints: SERVICES.map((service) => endpointOf(catalog, service, login)),
  };
  if (projectId === null) return known;
  const session = createSession({ ...login, clock });
  const read = { ...known, ...(await readCloud(known, session, calls)) };
  const seen = { ...read, trees: await readTrees(read, session, clock, calls) };
  const facts = { ...seen, ...(await readRights(seen, session, calls, login.credentials)) };
  const projects: ProjectFacts[] = [];
  for (const project of lendingProjects(facts).slice(0, PROJECTS_MAX)) {
    projects.push(await collectProject(project, facts, session, calls));
  }
  return { ...facts, projects, externalAddresses: await readExternalAddresses(facts, session, calls) };
}

function nothingYet({ cloud, login, clock, deploymentId }: Examination, calls: Calls): Facts {
  return {
    cloud,
    login: loginFacts(login),
    failures: calls.failures,
    clock: null,
    token: null,
    loginFailure: null,
    projectsOfUser: null,
    credentialEndsAtMs: null,
    nowMs: clock.wallMs(),
    serviceTypes: [],
    endpoints: [],
    computeVersions: null,
    placementVersions: null,
    aggregates: null,
    hypervisors: null,
    flavors: null,
    servers: null,
    pciProviders: null,
    trees: null,
    images: null,
    networks: null,
    routers: null,
    externalAddresses: new Map(),
    ownProjects: null,
    rolesByProject: null,
    wantedProjects: new Map(),
    projects: [],
    deploymentId,
  };
}

type CloudFacts = Pick<
  Facts,
  | 'computeVersions'
  | 'placementVersions'
  | 'aggregates'
  | 'hypervisors'
  | 'flavors'
  | 'servers'
  | 'pciProviders'
  | 'images'
  | 'networks'
  | 'routers'
>;

/** The services side by side, the calls of each one after another: an examination must not be a load. */
async function readCloud(known: Facts, session: OpenStackSession, calls: Calls): Promise<CloudFacts> {
  const has = (service: string): boolean =>
    known.endpoints.some((endpoint) => endpoint.service === service && endpoint.url !== null);
  const [compute, placement, image, network] = await Promise.all([
    has('compute') ? readCompute(session, calls) : NO_COMPUTE,
    has('placement') ? readPlacement(session, calls) : { placementVersions: null, pciProviders: null },
    has('image') ? calls.read('image', 'the list of images', () => listImages(session)) : null,
    has('network') ? readNetwork(session, calls) : { networks: null, routers: null },
  ]);
  return { ...compute, ...placement, images: image, ...network };
}

const NO_COMPUTE = {
  computeVersions: null,
  hypervisors: null,
  aggregates: null,
  flavors: null,
  servers: null,
} as const;

async function readCompute(
  session: OpenStackSession,
  calls: Calls,
): Promise<Pick<Facts, keyof typeof NO_COMPUTE>> {
  // What cannot be parsed is told by the server itself, as a warning of its inventory.
  const leaveOut = (): void => {};
  return {
    computeVersions: await calls.read('compute', "Nova's versions", () => computeVersions(session)),
    hypervisors: await calls.read('compute', 'the list of hypervisors', () =>
      listHypervisors(session, leaveOut),
    ),
    aggregates: await calls.read('compute', 'the list of aggregates', () => listAggregates(session)),
    flavors: await calls.read('compute', 'the list of flavors', () => listFlavors(session, leaveOut)),
    servers: await calls.read('compute', 'the servers of all projects', () => listServers(session, leaveOut)),
  };
}

async function readPlacement(
  session: OpenStackSession,
  calls: Calls,
): Promise<Pick<Facts, 'placementVersions' | 'pciProviders'>> {
  return {
    placementVersions: await calls.read('placement', "Placement's versions", () =>
      placementVersions(session),
    ),
    pciProviders: await calls.read('placement', 'the PCI devices in Placement', () =>
      listPciProviders(session),
    ),
  };
}

/** Not where Placement has refused or failed already: that is told by itself. */
async function readTrees(
  facts: Facts,
  session: OpenStackSession,
  clock: Clock,
  calls: Calls,
): Promise<Trees | null> {
  const { hypervisors, pciProviders } = facts;
  if (hypervisors === null || pciProviders === null) return null;
  const ids = hypervisors.map(({ id }) => id);
  return calls.read('placement', 'the capacities in Placement', () =>
    new PlacementTrees(session, clock).read(ids, []),
  );
}

async function readNetwork(
  session: OpenStackSession,
  calls: Calls,
): Promise<Pick<Facts, 'networks' | 'routers'>> {
  return {
    networks: await calls.read('network', 'the list of networks', () => listNetworks(session, {})),
    routers: await calls.read('network', 'the list of routers', () => listRouters(session)),
  };
}

async function readRights(
  facts: Facts,
  session: OpenStackSession,
  calls: Calls,
  credentials: Credentials,
): Promise<Pick<Facts, 'ownProjects' | 'rolesByProject' | 'wantedProjects' | 'credentialEndsAtMs'>> {
  const { token } = facts;
  const userId = token?.userId ?? '';
  const own = await calls.read('identity', 'the projects of the account', () => ownProjects(session));
  const roles =
    token?.roles.includes('admin') === true
      ? await calls.read('identity', 'the roles of the account', () => rolesByProject(session, userId))
      : null;
  const wanted = new Map<string, NamedProject | null>();
  for (const word of facts.cloud.projects) {
    const known = own?.find(({ id, name }) => id === word || name === word);
    const found = known ?? (await findWanted(session, calls, word));
    if (found !== 'unreadable') wanted.set(word, found);
  }
  return {
    ownProjects: own,
    rolesByProject: roles,
    wantedProjects: wanted,
    credentialEndsAtMs: await credentialEnd(session, calls, userId, credentials),
  };
}

async function findWanted(
  session: OpenStackSession,
  calls: Calls,
  word: string,
): Promise<NamedProject | null | 'unreadable'> {
  const found = await calls.read('identity', `project ${word}`, async () => ({
    project: (await findProject(session, word)) ?? (await projectsNamed(session, word, null))[0] ?? null,
  }));
  return found === null ? 'unreadable' : found.project;
}

async function credentialEnd(
  session: OpenStackSession,
  calls: Calls,
  userId: string,
  credentials: Credentials,
): Promise<number | null> {
  if (credentials.kind !== 'applicationCredential' || !('id' in credentials.credential)) return null;
  const { id } = credentials.credential;
  const found = await calls.read('identity', 'the application credential', () =>
    readApplicationCredential(session, userId, id),
  );
  return found?.expiresAtMs ?? null;
}

async function readExternalAddresses(
  facts: Facts,
  session: OpenStackSession,
  calls: Calls,
): Promise<ReadonlyMap<string, AddressUse>> {
  const found = new Map<string, AddressUse>();
  // Only admins may ask, and only those that could be taken matter: a cloud has a handful.
  const external = facts.networks?.filter((network) => network.isExternal).slice(0, PROJECTS_MAX) ?? [];
  for (const { id, name } of external) {
    const use = await calls.read('network', `the addresses of network ${name}`, () =>
      readAddressUse(session, id),
    );
    if (use !== null) found.set(id, use);
  }
  return found;
}
