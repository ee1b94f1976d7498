/**
 * From a request to the service that answers it: path prefixes, tokens, microversions, and each service's
 * errors.
 */
import type { Prng } from '../base/prng.ts';
import { cyborgError, cyborgVersionDocument, handleCyborg } from './cyborg.ts';
import { glanceError, glanceVersionDocument, handleGlance } from './glance.ts';
import { Refused, wantedMinor } from './http.ts';
import type { Call, Reply, ServiceName, SimRequest } from './http.ts';
import { keystoneError, unauthorized } from './keystone-errors.ts';
import { handleKeystone, issueToken, liveToken, versionDocument } from './keystone.ts';
import type { OpenCall } from './keystone.ts';
import { neutronError } from './neutron-errors.ts';
import { handleNeutron, neutronVersionDocument } from './neutron.ts';
import { novaError } from './nova-errors.ts';
import { handleNova, novaVersionDocument } from './nova.ts';
import {
  handlePlacement,
  PLACEMENT_MINOR_MAX,
  placementError,
  placementVersionDocument,
} from './placement.ts';
import type { SimWorld } from './world.ts';

/** The service a path belongs to; null: none. */
export function serviceOf(path: string): ServiceName | null {
  const name = path.split(/[/?]/, 2)[1];
  return SERVICES.find((service) => service === name) ?? null;
}

/**
 * Executes the request in the world. Refusals come back as replies; anything thrown is a bug of the
 * simulation.
 */
export function dispatch(world: SimWorld, service: ServiceName, request: SimRequest, prng: Prng): Reply {
  try {
    return answer(world, service, request, prng);
  } catch (error) {
    if (error instanceof Refused) return error.reply;
    throw error;
  }
}

/** An error in the service's own shape, as its middleware or a fault would send it. */
export function serviceError(service: ServiceName, status: number, title: string, message: string): Reply {
  switch (service) {
    case 'identity':
      return keystoneError(status, title, message).reply;
    case 'compute':
      return novaError(status, message).reply;
    case 'placement':
      return placementError(PLACEMENT_MINOR_MAX, status, title, message).reply;
    case 'image':
      return glanceError(status, title, message).reply;
    case 'network':
      return neutronError(status, `HTTP${title.replaceAll(' ', '')}`, message).reply;
    case 'accelerator':
      return cyborgError(status, message).reply;
  }
}

const SERVICES = ['identity', 'compute', 'placement', 'image', 'network', 'accelerator'] as const;
const VERSIONS: Readonly<Record<ServiceName, string | null>> = {
  identity: 'v3',
  compute: 'v2.1',
  placement: null,
  image: 'v2',
  network: 'v2.0',
  accelerator: 'v2',
};

function answer(world: SimWorld, service: ServiceName, request: SimRequest, prng: Prng): Reply {
  const mark = request.path.indexOf('?');
  const pathname = mark < 0 ? request.path : request.path.slice(0, mark);
  const parts = decodeSegments(service, pathname);
  const version = VERSIONS[service];
  const isRoot = parts.length === 0 || (version !== null && parts.length === 1 && parts[0] === version);
  if (isRoot && request.method === 'GET') return versionReply(world, service, request.origin);
  if (version !== null && parts[0] !== version) throw refused(service, 404, 'Not Found', 'Not found.');
  const minor = minorOf(world, service, request.headers);
  const call: OpenCall = {
    world,
    prng,
    method: request.method,
    path: request.path,
    origin: request.origin,
    segments: version === null ? parts : parts.slice(1),
    query: new URLSearchParams(mark < 0 ? '' : request.path.slice(mark + 1)),
    headers: request.headers,
    body: parseBody(service, request),
    minor,
  };
  const isLogin = service === 'identity' && request.method === 'POST' && call.segments[1] === 'tokens';
  if (isLogin && call.segments[0] === 'auth') return issueToken(call);
  const reply = authenticated(service, call);
  return minor === 0 ? reply : { ...reply, headers: { ...versionHeaders(service, minor), ...reply.headers } };
}

function authenticated(service: ServiceName, open: OpenCall): Reply {
  const token = liveToken(open.world, open.headers['x-auth-token']);
  if (token === null) {
    const { reply } = unauthorized();
    throw new Refused({
      ...reply,
      headers: { 'www-authenticate': `Keystone uri="${open.origin}/identity"` },
    });
  }
  if (token.projectId === null && service !== 'identity') {
    throw refused(service, 403, 'Forbidden', 'The token is not scoped to a project.');
  }
  const call: Call = { ...open, token, isAdmin: token.roles.includes('admin') };
  switch (service) {
    case 'identity':
      return handleKeystone(call);
    case 'compute':
      return handleNova(call);
    case 'placement':
      return handlePlacement(call);
    case 'image':
      return handleGlance(call);
    case 'network':
      return handleNeutron(call);
    case 'accelerator':
      return handleCyborg(call);
  }
}

function versionReply(world: SimWorld, service: ServiceName, origin: string): Reply {
  switch (service) {
    case 'identity':
      return versionDocument(origin);
    case 'compute':
      return novaVersionDocument(origin, world.topology.services.nova_minor_max);
    case 'placement':
      return placementVersionDocument(world.topology.services.placement_minor_max);
    case 'image':
      return glanceVersionDocument(origin);
    case 'network':
      return neutronVersionDocument(origin);
    case 'accelerator':
      return cyborgVersionDocument(origin);
  }
}

/** 406 outside of what is served, 400 for what is no version. */
function minorOf(world: SimWorld, service: ServiceName, headers: Readonly<Record<string, string>>): number {
  if (service !== 'compute' && service !== 'placement') return 0;
  const isCompute = service === 'compute';
  const [major, low, high] = isCompute
    ? ([2, 1, world.topology.services.nova_minor_max] as const)
    : ([1, 0, world.topology.services.placement_minor_max] as const);
  const wanted = wantedMinor(headers, service, major, high);
  if (wanted === null) return low;
  if (Number.isNaN(wanted))
    throw refused(service, 400, 'Bad Request', 'The version string is of invalid format.');
  if (wanted >= low && wanted <= high) return wanted;
  const range = `Minimum is ${major}.${low} and maximum is ${major}.${high}.`;
  throw refused(
    service,
    406,
    'Not Acceptable',
    `Version ${major}.${wanted} is not supported by the API. ${range}`,
  );
}

function versionHeaders(service: ServiceName, minor: number): Readonly<Record<string, string>> {
  if (service === 'placement') return { 'openstack-api-version': `placement 1.${minor}`, vary: VERSION_VARY };
  return {
    'openstack-api-version': `compute 2.${minor}`,
    'x-openstack-nova-api-version': `2.${minor}`,
    vary: VERSION_VARY,
  };
}

const VERSION_VARY = 'OpenStack-API-Version';

function decodeSegments(service: ServiceName, pathname: string): readonly string[] {
  const parts = pathname.split('/').filter((part) => part !== '');
  if (!pathname.includes('%')) return parts.slice(1);
  try {
    return parts.slice(1).map(decodeURIComponent);
  } catch {
    throw refused(service, 400, 'Bad Request', 'The path is not valid percent-encoding.');
  }
}

function parseBody(service: ServiceName, request: SimRequest): unknown {
  if (request.body === null || request.body === '') return undefined;
  try {
    const parsed: unknown = JSON.parse(request.body);
    return parsed;
  } catch {
    throw refused(service, 400, 'Bad Request', 'Malformed request body');
  }
}

function refused(service: ServiceName, status: number, title: string, message: string): Refused {
  return new Refused(serviceError(service, status, title, message));
}
