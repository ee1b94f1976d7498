/**
 * The typed client of the API: used by the command line, the console, and tests. It knows the table of routes
 * and how to repeat safely; it decides nothing and prints nothing.
 */
import type { z } from 'zod';
import type { EventJson } from '../api/events.ts';
import { routes, type OperationId } from '../api/routes.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { createPrng } from '../base/prng.ts';
import { bearer, type Authorization } from './authorization.ts';
import { call, type Transport } from './call.ts';
import { followEvents, type EventsOptions } from './event-stream.ts';

export interface ClientOptions {
  /** e.g. `http://localhost:8080`. */
  readonly baseUrl: string;
  /** Berth API token; left out where the server is open. */
  readonly token?: string | null;
  /** Instead of a token of Berth. */
  readonly authorization?: Authorization;
  readonly fetch?: typeof fetch;
  /** For one try of one call; default 30 s, as long as a slow commit may take. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** What callers put in the body or the query of an operation. */
export type BodyOf<Id extends OperationId> = z.input<NonNullable<(typeof routes)[Id]['body']>>;
export type QueryOf<Id extends OperationId> = z.input<NonNullable<(typeof routes)[Id]['query']>>;

export type Client = ReturnType<typeof createClient>;

const TIMEOUT_MS_DEFAULT = 30_000;

/**
 * A client for one server. Methods are named as the operations; each rejects with ApiError (the server said
 * no) or ConnectionError (it could not be reached).
 */
export function createClient(options: ClientOptions) {
  const transport: Transport = {
    baseUrl: options.baseUrl.replace(/\/+$/, ''),
    authorization: options.authorization ?? bearer(options.token ?? null),
    fetch: options.fetch ?? fetch,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS_DEFAULT,
    clock: options.clock ?? systemClock,
    prng: createPrng(crypto.getRandomValues(new Int32Array(1))[0] ?? 0),
  };
  return {
    ...leaseMethods(transport),
    ...otherMethods(transport),
    /** Follows events until the signal aborts; resumes by itself after a broken connection. */
    events: (wanted: EventsOptions = {}): AsyncGenerator<EventJson, void> => followEvents(transport, wanted),
  };
}

function leaseMethods(transport: Transport) {
  return {
    listLeases: (query: QueryOf<'listLeases'> = {}) => call(transport, routes.listLeases, { query }),
    createLease: (body: BodyOf<'createLease'>) => call(transport, routes.createLease, { body }),
    getLease: (id: string) => call(transport, routes.getLease, byId(id)),
    releaseLease: (id: string) => call(transport, routes.releaseLease, byId(id)),
    extendLease: (id: string, body: BodyOf<'extendLease'>) =>
      call(transport, routes.extendLease, { ...byId(id), body }),
    shelveLease: (id: string) => call(transport, routes.shelveLease, byId(id)),
    unshelveLease: (id: string, body: BodyOf<'unshelveLease'> = {}) =>
      call(transport, routes.unshelveLease, { ...byId(id), body }),
    keepLease: (id: string, body: BodyOf<'keepLease'>) =>
      call(transport, routes.keepLease, { ...byId(id), body }),
    setTicket: (id: string, body: BodyOf<'setTicket'>) =>
      call(transport, routes.setTicket, { ...byId(id), body }),
    listAdoptable: () => call(transport, routes.listAdoptable, {}),
    adoptLease: (body: BodyOf<'adoptLease'>) => call(transport, routes.adoptLease, { body }),
    explainLease: (id: string) => call(transport, routes.explainLease, byId(id)),
    explain: (body: BodyOf<'explain'>) => call(transport, routes.explain, { body }),
    getQueue: () => call(transport, routes.getQueue),
  };
}

function otherMethods(transport: Transport) {
  return {
    listFlavors: () => call(transport, routes.listFlavors),
    getFlavor: (id: string) => call(transport, routes.getFlavor, byId(id)),
    listProfiles: () => call(transport, routes.listProfiles),
    getProfile: (name: string) => call(transport, routes.getProfile, byId(name)),
    renderProfiles: (body: BodyOf<'renderProfiles'>) => call(transport, routes.renderProfiles, { body }),
    listHosts: () => call(transport, routes.listHosts),
    getHost: (id: string) => call(transport, routes.getHost, byId(id)),
    drainHost: (id: string, body: BodyOf<'drainHost'>) =>
      call(transport, routes.drainHost, { ...byId(id), body }),
    undrainHost: (id: string) => call(transport, routes.undrainHost, byId(id)),
    /** One page; to follow what happens, use `events`. */
    listEvents: (query: QueryOf<'listEvents'> = {}) => call(transport, routes.listEvents, { query }),
    getStatus: () => call(transport, routes.getStatus),
    getFreeze: () => call(transport, routes.getFreeze),
    freeze: (body: BodyOf<'freeze'>) => call(transport, routes.freeze, { body }),
    thaw: () => call(transport, routes.thaw),
    takeOver: (body: BodyOf<'takeOver'>) => call(transport, routes.takeOver, { body }),
    listFindings: () => call(transport, routes.listFindings),
    getUsage: (query: QueryOf<'getUsage'> = {}) => call(transport, routes.getUsage, { query }),
    listProjects: () => call(transport, routes.listProjects),
    getProject: (id: string) => call(transport, routes.getProject, byId(id)),
    putProject: (id: string, body: BodyOf<'putProject'> = {}) =>
      call(transport, routes.putProject, { ...byId(id), body }),
    listCloudProjects: (cloud: string) => call(transport, routes.listCloudProjects, byId(cloud)),
    grantProject: (cloud: string, body: BodyOf<'grantProject'>) =>
      call(transport, routes.grantProject, { ...byId(cloud), body }),
    revokeProject: (cloud: string, project: string, query: QueryOf<'revokeProject'> = {}) =>
      call(transport, routes.revokeProject, { params: { id: cloud, project }, query }),
    listTokens: () => call(transport, routes.listTokens),
    createToken: (body: BodyOf<'createToken'>) => call(transport, routes.createToken, { body }),
    revokeToken: (id: string) => call(transport, routes.revokeToken, byId(id)),
    listFlavorGpus: () => call(transport, routes.listFlavorGpus),
    getFlavorGpu: (id: string) => call(transport, routes.getFlavorGpu, byId(id)),
  };
}

function byId(id: string) {
  return { params: { id } };
}
