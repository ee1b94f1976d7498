/**
 * The one table of routes. The server registers from it, the OpenAPI document is made of it, the client takes
 * its types from it, and the tests of rights and robustness generate their cases from it. No I/O here,
 * nothing of the server.
 */
import {
  byNewId,
  createdToken,
  createTokenBody,
  done,
  findingList,
  freezeBody,
  oneDeployment,
  oneFreeze,
  oneProject,
  projectList,
  projectWithUse,
  putProjectBody,
  statusJson,
  takeOverBody,
  tokenList,
} from './admin.ts';
import {
  byId,
  drainBody,
  flavorGpuList,
  flavorList,
  hostList,
  oneFlavor,
  oneFlavorGpu,
  oneHost,
} from './capacity.ts';
import {
  byCloudProject,
  cloudProjectList,
  grantProjectBody,
  oneCloudProject,
  revokeProjectQuery,
} from './clouds.ts';
import { eventPage, listEventsQuery } from './events.ts';
import { leaseRoutes } from './lease-routes.ts';
import { byMachine, explainBody } from './leases.ts';
import { oneProfile, profileList, renderBody, renderedProfiles } from './machine-profiles.ts';
import { command, open, read, type Route } from './route.ts';
import { oneUsage, usageQuery } from './usage.ts';
import { explanationJson, queueJson } from './waiting.ts';

const capacityRoutes = {
  listFlavors: {
    ...read,
    path: '/v1/flavors',
    tag: 'capacity',
    summary: 'List flavors with what is free',
    response: flavorList,
    errors: [],
  },
  getFlavor: {
    ...read,
    path: '/v1/flavors/{id}',
    tag: 'capacity',
    summary: 'Show a flavor',
    params: byId,
    response: oneFlavor,
    errors: ['not_found', 'flavor_unknown', 'invalid'],
  },
  listHosts: {
    ...read,
    path: '/v1/hosts',
    tag: 'capacity',
    summary: 'List hosts',
    response: hostList,
    errors: [],
  },
  getHost: {
    ...read,
    path: '/v1/hosts/{id}',
    tag: 'capacity',
    summary: 'Show a host',
    params: byId,
    response: oneHost,
    errors: ['not_found', 'host_unknown'],
  },
  drainHost: {
    ...command,
    path: '/v1/hosts/{id}/drain',
    tag: 'capacity',
    summary: 'Drain a host',
    description: 'A maintenance window: no lease lands whose time would touch it. Running leases stay.',
    role: 'admin',
    params: byId,
    body: drainBody,
    response: oneHost,
    errors: ['not_found', 'host_unknown', 'malformed_time', 'time_in_past', 'invalid', 'invalid_state'],
  },
  undrainHost: {
    ...command,
    path: '/v1/hosts/{id}/undrain',
    tag: 'capacity',
    summary: 'End the drain of a host',
    role: 'admin',
    params: byId,
    response: oneHost,
    errors: ['not_found', 'host_unknown', 'invalid_state'],
  },
} as const satisfies Readonly<Record<string, Route>>;

const profileRoutes = {
  listProfiles: {
    ...read,
    path: '/v1/profiles',
    tag: 'capacity',
    summary: 'List what machines can be set up with',
    response: profileList,
    errors: [],
  },
  getProfile: {
    ...read,
    path: '/v1/profiles/{id}',
    tag: 'capacity',
    summary: 'Show a profile and its parameters',
    params: byId,
    response: oneProfile,
    errors: ['profile_unknown'],
  },
  renderProfiles: {
    ...read,
    method: 'POST',
    path: '/v1/profiles/render',
    tag: 'capacity',
    summary: 'Render profiles as cloud-init user data, without making anything',
    body: renderBody,
    response: renderedProfiles,
    errors: ['profile_unknown', 'profile_refused'],
  },
} as const satisfies Readonly<Record<string, Route>>;

const waitingRoutes = {
  getQueue: {
    ...read,
    path: '/v1/queue',
    tag: 'waiting',
    summary: 'Show the queue',
    response: queueJson,
    errors: [],
  },
  explain: {
    ...read,
    method: 'POST',
    path: '/v1/explain',
    tag: 'waiting',
    summary: 'Explain, host by host, whether a request would be granted now',
    body: explainBody,
    response: explanationJson,
    errors: [
      'malformed_duration',
      'malformed_time',
      'time_in_past',
      'invalid',
      'not_found',
      'flavor_unknown',
      'flavor_unavailable',
      'host_unknown',
      'never_fits',
      'quota_exceeded',
      'duration_too_long',
      'not_ready',
    ],
  },
  listEvents: {
    ...read,
    path: '/v1/events',
    tag: 'events',
    summary: 'List or follow events',
    description:
      'With `Accept: text/event-stream` it follows: each message has the number of the event as its id and ' +
      'the event as JSON; `Last-Event-ID` or `after` resume. A comment every 15 seconds shows that the ' +
      'stream lives. Events that were removed by the retention are said to be: `removed` in a page, a first message ' +
      '`berth.removed` in a stream. When the server ends a stream, the last message is named `berth.end` and says why and ' +
      'after which event to resume.',
    query: listEventsQuery,
    response: eventPage,
    errors: ['too_many_streams'],
  },
} as const satisfies Readonly<Record<string, Route>>;

const operationRoutes = {
  getStatus: {
    ...read,
    path: '/v1/status',
    tag: 'operation',
    summary: 'Show the state of the service',
    response: statusJson,
    errors: [],
  },
  getFreeze: {
    ...read,
    path: '/v1/freeze',
    tag: 'operation',
    summary: 'Show whether the service is frozen',
    response: oneFreeze,
    errors: [],
  },
  freeze: {
    ...command,
    path: '/v1/freeze',
    tag: 'operation',
    summary: 'Freeze: no endings, reclaims, sweeps, or starts',
    role: 'admin',
    body: freezeBody,
    response: oneFreeze,
    errors: ['invalid', 'invalid_state'],
  },
  thaw: {
    ...command,
    method: 'DELETE',
    path: '/v1/freeze',
    tag: 'operation',
    summary: 'End the freeze',
    role: 'admin',
    response: oneFreeze,
    errors: ['invalid_state'],
  },
  takeOver: {
    ...command,
    path: '/v1/deployment',
    tag: 'operation',
    summary: 'Take the place of a deployment whose store was lost',
    description:
      'Only while the store has known no lease. What carries that deployment’s mark is then our own; adopt it next. ' +
      'A repetition changes nothing.',
    role: 'admin',
    body: takeOverBody,
    response: oneDeployment,
    errors: ['invalid', 'invalid_state'],
  },
  listFindings: {
    ...read,
    path: '/v1/findings',
    tag: 'operation',
    summary: 'List what an operator should look at',
    role: 'admin',
    response: findingList,
    errors: [],
  },
} as const satisfies Readonly<Record<string, Route>>;

const usageRoutes = {
  getUsage: {
    ...read,
    path: '/v1/usage',
    tag: 'usage',
    summary: 'Sum what was used',
    description:
      'GPU time that leases have held within [from, to), to the millisecond, what they hold still up to now. ' +
      "Of the caller's project; admins see all.",
    query: usageQuery,
    response: oneUsage,
    errors: ['malformed_time', 'invalid', 'not_found'],
  },
} as const satisfies Readonly<Record<string, Route>>;

const accessRoutes = {
  listProjects: {
    ...read,
    path: '/v1/projects',
    tag: 'access',
    summary: 'List projects and their limits',
    response: projectList,
    errors: [],
  },
  getProject: {
    ...read,
    path: '/v1/projects/{id}',
    tag: 'access',
    summary: 'Show a project: its limits, and what is held and used of them',
    params: byId,
    response: projectWithUse,
    errors: ['not_found', 'invalid'],
  },
  putProject: {
    ...command,
    method: 'PUT',
    path: '/v1/projects/{id}',
    tag: 'access',
    summary: 'Create or change a project',
    description: 'Sets all of it: limits that are left out are none.',
    role: 'admin',
    params: byNewId,
    body: putProjectBody,
    response: oneProject,
    errors: ['invalid'],
  },
  listCloudProjects: {
    ...read,
    path: '/v1/clouds/{id}/projects',
    tag: 'access',
    summary: "List the projects of a cloud on which Berth's account has a role",
    role: 'admin',
    params: byId,
    response: cloudProjectList,
    errors: ['not_found'],
  },
  grantProject: {
    ...command,
    path: '/v1/clouds/{id}/projects',
    tag: 'access',
    summary: 'Let Berth work in a project of a cloud',
    description:
      "Gives Berth's account the role that it needs there: member, or admin where Berth picks the hosts " +
      '(`placement: pinned`). A repetition changes nothing.',
    role: 'admin',
    params: byId,
    body: grantProjectBody,
    response: oneCloudProject,
    errors: ['not_found', 'invalid', 'invalid_state', 'cloud_forbids'],
    idempotent: false,
  },
  revokeProject: {
    ...command,
    method: 'DELETE',
    path: '/v1/clouds/{id}/projects/{project}',
    tag: 'access',
    summary: 'End the right of Berth to work in a project of a cloud',
    description: 'Refused while leases of the project live, unless `force` is `true`.',
    role: 'admin',
    params: byCloudProject,
    query: revokeProjectQuery,
    response: oneCloudProject,
    errors: ['not_found', 'invalid', 'invalid_state', 'cloud_forbids'],
    idempotent: false,
  },
  listTokens: {
    ...read,
    path: '/v1/tokens',
    tag: 'access',
    summary: 'List tokens',
    role: 'manager',
    response: tokenList,
    errors: [],
  },
  createToken: {
    ...command,
    path: '/v1/tokens',
    tag: 'access',
    summary: 'Create a token',
    description:
      'The secret is in the reply and nowhere else; so a repetition cannot answer the same, and an ' +
      'Idempotency-Key has no effect. If the reply was lost, revoke the token and create another.',
    role: 'manager',
    body: createTokenBody,
    status: 201,
    response: createdToken,
    errors: ['malformed_duration', 'invalid', 'not_found', 'already_exists', 'duration_too_long'],
    idempotent: false,
  },
  revokeToken: {
    ...command,
    method: 'DELETE',
    path: '/v1/tokens/{id}',
    tag: 'access',
    summary: 'Revoke a token',
    role: 'manager',
    params: byId,
    response: done,
    errors: ['not_found'],
  },
} as const satisfies Readonly<Record<string, Route>>;

const publicRoutes = {
  listFlavorGpus: {
    ...open,
    path: '/gpus/flavors',
    tag: 'report',
    summary: 'How many of each GPU flavor are free',
    response: flavorGpuList,
    errors: ['no_observation'],
  },
  getFlavorGpu: {
    ...open,
    path: '/gpus/flavors/{id}',
    tag: 'report',
    summary: 'How many of one GPU flavor are free',
    description:
      'An unknown id answers 404 with `{"message":"Unkown flavor id!"}`, letter by letter as its model does.',
    params: byId,
    response: oneFlavorGpu,
    errors: ['no_observation'],
  },
  phoneHome: {
    ...command,
    path: '/v1/phone-home/{id}/{secret}',
    tag: 'service',
    summary: 'Tell that the machine of a lease is up',
    description:
      'For machines of clouds with `ready.probe: phone_home`: cloud-init calls the address that it was given. ' +
      'The body may be of any type and is not read. Only counts while the lease is starting.',
    role: 'public',
    params: byMachine,
    status: 204,
    response: null,
    errors: ['not_found', 'rate_limited', 'body_too_large', 'cross_origin', 'engine_stopped', 'overloaded'],
    idempotent: false,
  },
  healthz: {
    ...open,
    path: '/healthz',
    tag: 'service',
    summary: 'Whether the process lives',
    response: null,
    contentType: 'text/plain',
    errors: [],
  },
  readyz: {
    ...open,
    path: '/readyz',
    tag: 'service',
    summary: 'Whether the store is loaded and every cloud was seen',
    response: null,
    contentType: 'text/plain',
    errors: ['not_ready'],
  },
  metrics: {
    ...open,
    path: '/metrics',
    tag: 'service',
    summary: 'Metrics for Prometheus',
    description: 'Public unless the configuration asks for a token.',
    response: null,
    contentType: 'text/plain',
    errors: ['unauthenticated'],
  },
  openapi: {
    ...open,
    path: '/openapi.json',
    tag: 'service',
    summary: 'This description',
    response: null,
    contentType: 'application/json',
    errors: [],
  },
} as const satisfies Readonly<Record<string, Route>>;

export const routes = {
  ...leaseRoutes,
  ...capacityRoutes,
  ...profileRoutes,
  ...waitingRoutes,
  ...operationRoutes,
  ...usageRoutes,
  ...accessRoutes,
  ...publicRoutes,
} as const;

export type OperationId = keyof typeof routes;
