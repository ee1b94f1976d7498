import type { Clock } from '../base/clock.ts';
import { ProviderError } from '../engine/ports.ts';
import { selectEndpoint, type Catalog, type ServiceType } from '../openstack/catalog.ts';
import type { Credentials, Scope } from '../openstack/credentials.ts';
import type { Http } from '../openstack/http.ts';
import { ownProjects } from '../openstack/keystone/projects.ts';
import { issueToken, type IssuedToken } from '../openstack/keystone/tokens.ts';
import { createSession, type SessionOptions } from '../openstack/session.ts';
import { failureFact } from './calls.ts';
import type { CallFailure, ClockFact, EndpointFact, LoginFacts, NamedProject } from './facts.ts';

export type Login = Omit<SessionOptions, 'clock'>;

export function loginFacts({ authUrl, region, interfaces, credentials }: Login): LoginFacts {
  const { kind } = credentials;
  const shared = { authUrl, region, interfaces, kind };
  if (kind === 'password') {
    return { ...shared, user: nameOf(credentials.user), project: projectOf(credentials.scope) };
  }
  const user = kind === 'applicationCredential' ? nameOf(credentials.credential) : null;
  return { ...shared, user, project: kind === 'token' ? projectOf(credentials.scope) : null };
}

function nameOf(ref: { readonly id: string } | { readonly name: string }): string {
  return 'name' in ref ? ref.name : ref.id;
}

function projectOf(scope: Scope): string | null {
  return scope.kind === 'project' ? nameOf(scope.project) : null;
}

/** Half of the exchange on the way, and a Date header that knows whole seconds only. */
export function clockOf(dateMs: number | null, clock: Clock, exchangeMs: number): ClockFact | null {
  if (dateMs === null) return null;
  return { aheadMs: dateMs - clock.wallMs() + exchangeMs / 2, uncertaintyMs: 1000 + exchangeMs / 2 };
}

type LoggedIn =
  | { readonly ok: true; readonly issued: IssuedToken }
  | { readonly ok: false; readonly failure: CallFailure };

export async function logIn(http: Http, login: Login): Promise<LoggedIn> {
  try {
    return { ok: true, issued: await issueToken(http, login.authUrl, login.credentials) };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { ok: false, failure: failureFact('identity', 'a token', error) };
  }
}

/**
 * What the same password gets into: Keystone refuses a wrong project with the same words as a wrong password.
 */
export async function projectsOf(
  login: Login,
  clock: Clock,
  failure: CallFailure,
): Promise<readonly NamedProject[] | null> {
  const { credentials } = login;
  if (failure.code !== 'unauthorized' && failure.code !== 'not_found') return null;
  if (credentials.kind !== 'password') return null;
  const scopeless: Credentials = { ...credentials, scope: { kind: 'default' } };
  try {
    return await ownProjects(createSession({ ...login, clock, credentials: scopeless }));
  } catch (error) {
    if (error instanceof ProviderError) return null;
    throw error;
  }
}

export function endpointOf(catalog: Catalog, service: ServiceType, login: Login): EndpointFact {
  const preferences = login.services?.[service] ?? {};
  if (preferences.disabled === true) return { service, url: null, lacks: 'permission', has: [] };
  const override = login.endpointOverrides?.[service];
  if (override !== undefined) return { service, url: override };
  const { region = login.region, interfaces = login.interfaces, type = service } = preferences;
  try {
    return { service, url: selectEndpoint(catalog, { service, region, interfaces, preferences }) };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const all = catalog.filter((entry) => entry.type === type).flatMap(({ endpoints }) => endpoints);
    const regionOf = (endpoint: (typeof all)[number]): string => endpoint.region_id || endpoint.region || '';
    const here = all.filter((endpoint) => region === null || regionOf(endpoint) === region);
    if (all.length === 0) return { service, url: null, lacks: 'service', has: [] };
    if (here.length === 0) return { service, url: null, lacks: 'region', has: unique(all.map(regionOf)) };
    return {
      service,
      url: null,
      lacks: 'interface',
      has: unique(here.map((endpoint) => endpoint.interface)),
    };
  }
}

function unique(words: readonly string[]): readonly string[] {
  return [...new Set(words)];
}
