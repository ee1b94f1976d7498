/**
 * Placement's read side: providers with their inventories, usages, traits, aggregates, allocations, and the
 * search for candidates. Source: placement 8 (Zed), handlers/*.py.
 */
import { Refused } from './http.ts';
import type { Call, Reply } from './http.ts';
import type { SimHost } from './model.ts';
import {
  allocated,
  capacityOf,
  consumersOf,
  findProvider,
  inventoriesOf,
  providersOf,
  providersOfHost,
  rootAmounts,
  traitsOf,
  usagesOf,
  type Provider,
} from './placement-providers.ts';
import { namedUuid } from './seed.ts';
import type { SimWorld } from './world.ts';

/** Zed serves 1.0 to 1.39. */
export const PLACEMENT_MINOR_MAX = 39;

export function placementError(minor: number, status: number, title: string, detail: string): Refused {
  const code = minor >= 23 ? { code: 'placement.undefined_code' } : {};
  return new Refused({ status, json: { errors: [{ status, title, detail, ...code }] } });
}

export function placementVersionDocument(minorMax: number): Reply {
  const version = {
    id: 'v1.0',
    min_version: '1.0',
    max_version: `1.${minorMax}`,
    status: 'CURRENT',
    links: [{ rel: 'self', href: '' }],
  };
  return { status: 200, json: { versions: [version] } };
}

export function handlePlacement(call: Call): Reply {
  const [first, id, kind] = call.segments;
  if (call.method !== 'GET') {
    throw placementError(call.minor, 405, 'Method Not Allowed', 'The simulated Placement is read only.');
  }
  const ownUsages = first === 'usages' && call.query.get('project_id') === call.token.projectId;
  if (!call.isAdmin && !ownUsages) {
    const rule =
      first === 'resource_providers' && id === undefined ? 'resource_providers:list' : String(first);
    throw placementError(
      call.minor,
      403,
      'Forbidden',
      `Policy does not allow placement:${rule} to be performed.`,
    );
  }
  if (first === 'resource_providers')
    return id === undefined ? listProviders(call) : oneProvider(call, id, kind);
  if (first === 'allocations' && id !== undefined) return consumerAllocations(call, id);
  if (first === 'allocation_candidates') return allocationCandidates(call);
  if (first === 'usages') return projectUsages(call);
  if (first === 'traits') return listTraits(call);
  throw placementError(call.minor, 404, 'Not Found', 'The resource could not be found.');
}

// ------------------------------------------------------------------------------------------------- providers

function listProviders(call: Call): Reply {
  const { world, query } = call;
  let found = providersOf(world);
  const tree = query.get('in_tree');
  if (tree !== null) {
    const root = found.find((provider) => provider.id === tree)?.host;
    found = found.filter((provider) => provider.host === root);
  }
  const name = query.get('name');
  const id = query.get('uuid');
  found = found.filter(
    (provider) => (name === null || provider.name === name) && (id === null || provider.id === id),
  );
  for (const trait of query.get('required')?.split(',') ?? []) {
    const isWanted = !trait.startsWith('!');
    const plain = isWanted ? trait : trait.slice(1);
    found = found.filter((provider) => traitsOf(provider).includes(plain) === isWanted);
  }
  return { status: 200, json: { resource_providers: found.map((provider) => showProvider(call, provider)) } };
}

function oneProvider(call: Call, id: string, kind: string | undefined): Reply {
  const { world } = call;
  const provider = findProvider(world, id);
  if (provider === null) {
    throw placementError(call.minor, 404, 'Not Found', `No resource provider with uuid ${id} found`);
  }
  const resource_provider_generation = provider.host.generation;
  switch (kind) {
    case undefined:
      return { status: 200, json: showProvider(call, provider) };
    case 'inventories':
      return {
        status: 200,
        json: { resource_provider_generation, inventories: inventoriesOf(world, provider) },
      };
    case 'usages':
      return { status: 200, json: { resource_provider_generation, usages: usagesOf(world, provider) } };
    case 'traits':
      return { status: 200, json: { resource_provider_generation, traits: traitsOf(provider) } };
    case 'aggregates': {
      const aggregates = provider.id === provider.host.id ? aggregatesOf(world, provider.host) : [];
      return { status: 200, json: { resource_provider_generation, aggregates } };
    }
    case 'allocations': {
      const entries = consumersOf(world, provider).map((server) => {
        return [server.id, { resources: allocated(server, provider), consumer_generation: 1 }] as const;
      });
      return {
        status: 200,
        json: { resource_provider_generation, allocations: Object.fromEntries(entries) },
      };
    }
    default:
      throw placementError(call.minor, 404, 'Not Found', 'The resource could not be found.');
  }
}

function consumerAllocations(call: Call, id: string): Reply {
  const { world } = call;
  const server = world.servers.get(id);
  const host = world.hosts.get(server?.host ?? '');
  if (server === undefined || host === undefined) return { status: 200, json: { allocations: {} } };
  const providers = providersOfHost(host).filter((provider) => consumersOf(world, provider).includes(server));
  const allocations = Object.fromEntries(
    providers.map((provider) => [
      provider.id,
      { generation: host.generation, resources: allocated(server, provider) },
    ]),
  );
  return {
    status: 200,
    json: { allocations, project_id: server.projectId, user_id: server.userId, consumer_generation: 1 },
  };
}

function projectUsages(call: Call): Reply {
  const usages: Record<string, number> = {};
  for (const server of call.world.serversByProject.get(call.query.get('project_id') ?? '') ?? []) {
    if (server.host === null) continue;
    for (const [name, amount] of Object.entries(rootAmounts(server)))
      usages[name] = (usages[name] ?? 0) + amount;
  }
  return { status: 200, json: { usages } };
}

function listTraits(call: Call): Reply {
  const traits = new Set(providersOf(call.world).flatMap((provider) => traitsOf(provider)));
  return { status: 200, json: { traits: [...traits].toSorted() } };
}

// ------------------------------------------------------------------------------------------------ candidates

/** The unsuffixed group only, which one provider has to meet; enough for a look at all trees. */
function allocationCandidates(call: Call): Reply {
  const { world, query, minor } = call;
  if (minor < 10) throw placementError(minor, 404, 'Not Found', 'The resource could not be found.');
  const asked = readAmounts(call, query.get('resources'));
  const required = query.get('required')?.split(',') ?? [];
  const meets = (provider: Provider): boolean => {
    const used = usagesOf(world, provider);
    const capacity = capacityOf(world, provider);
    const traits = traitsOf(provider);
    return (
      asked.every(([name, amount]) => (capacity[name] ?? 0) - (used[name] ?? 0) >= amount) &&
      required.every((trait) => traits.includes(trait))
    );
  };
  const found = providersOf(world)
    .filter(meets)
    .slice(0, Number(query.get('limit') ?? Number.MAX_SAFE_INTEGER));
  const resources = Object.fromEntries(asked);
  const hosts = new Set(found.map(({ host }) => host));
  const summaries = [...hosts]
    .flatMap(providersOfHost)
    .map((provider) => [provider.id, summary(world, provider)]);
  return {
    status: 200,
    json: {
      allocation_requests: found.map(({ id }) => ({
        allocations: { [id]: { resources } },
        ...(minor >= 34 ? { mappings: { '': [id] } } : {}),
      })),
      provider_summaries: Object.fromEntries(summaries),
    },
  };
}

function readAmounts(call: Call, text: string | null): readonly (readonly [name: string, amount: number])[] {
  const known = new Set(providersOf(call.world).flatMap((each) => Object.keys(capacityOf(call.world, each))));
  return (text ?? '').split(',').map((part) => {
    const match = /^([A-Z0-9_]+):([1-9]\d*)$/.exec(part);
    const name = match?.[1] ?? '';
    if (match !== null && known.has(name)) return [name, Number(match[2])];
    const fault =
      match === null ? `Badly formed resources parameter: ${text}` : `Invalid resource class: ${name}`;
    throw placementError(call.minor, 400, 'Bad Request', fault);
  });
}

function summary(world: SimWorld, provider: Provider): unknown {
  const used = usagesOf(world, provider);
  const resources = Object.entries(capacityOf(world, provider)).map(([name, capacity]) => {
    return [name, { capacity, used: used[name] ?? 0 }] as const;
  });
  return {
    resources: Object.fromEntries(resources),
    traits: traitsOf(provider),
    parent_provider_uuid: provider.id === provider.host.id ? null : provider.host.id,
    root_provider_uuid: provider.host.id,
  };
}

// ----------------------------------------------------------------------------------------------------- views

function aggregatesOf(world: SimWorld, host: SimHost): readonly string[] {
  return world.topology.aggregates
    .filter((aggregate) => aggregate.hosts.includes(host.name))
    .map((aggregate) => namedUuid(`aggregate/${aggregate.name}`));
}

function showProvider(call: Call, provider: Provider): unknown {
  const { id, name, host } = provider;
  const base = `/placement/resource_providers/${id}`;
  const links = ['', '/inventories', '/usages', '/aggregates', '/traits', '/allocations'].map((path) => ({
    rel: path === '' ? 'self' : path.slice(1),
    href: `${base}${path}`,
  }));
  const tree =
    call.minor >= 14
      ? { parent_provider_uuid: id === host.id ? null : host.id, root_provider_uuid: host.id }
      : {};
  return { uuid: id, name, generation: host.generation, ...tree, links };
}
