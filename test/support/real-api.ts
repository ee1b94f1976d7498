/**
 * What a real OpenStack holds, read past Berth with plain requests, and the little that tests do there by
 * themselves.
 */
import { z } from 'zod';
import { eventually } from './process.ts';
import type { RealCloudLogin } from './real-cloud.ts';

export type ApiService = 'compute' | 'network' | 'identity' | 'image';

/** Newer ones hide `tenant_id` nowhere, and show tags, host and the reason of a lock. */
const NOVA_VERSION = '2.79';
const CALL_MS_MAX = 60_000;

const serverSchema = z.object({
  id: z.string(),
  name: z.string(),
  status: z.string(),
  tenant_id: z.string(),
  user_id: z.string(),
  locked: z.boolean(),
  locked_reason: z.string().nullish(),
  tags: z.array(z.string()).nullish(),
  'OS-EXT-SRV-ATTR:host': z.string().nullish(),
  'OS-EXT-STS:task_state': z.string().nullish(),
});
const portSchema = z.object({
  id: z.string(),
  project_id: z.string(),
  description: z.string(),
  device_id: z.string(),
});
const floatingIpSchema = z.object({
  id: z.string(),
  project_id: z.string(),
  description: z.string(),
  port_id: z.string().nullable(),
  floating_ip_address: z.string(),
});
const issuedSchema = z.object({
  token: z.object({
    user: z.object({ id: z.string() }),
    project: z.object({ id: z.string() }),
    catalog: z.array(
      z.object({
        type: z.string(),
        endpoints: z.array(z.object({ interface: z.string(), url: z.string() })),
      }),
    ),
  }),
});

export type RealServer = z.output<typeof serverSchema>;
export type RealPort = z.output<typeof portSchema>;
export type RealFloatingIp = z.output<typeof floatingIpSchema>;

/** Everything that Berth can have made for leases, of all projects. */
export interface Outside {
  readonly servers: readonly RealServer[];
  readonly ports: readonly RealPort[];
  readonly floatingIps: readonly RealFloatingIp[];
}

/** One user of the cloud in one project, logged in. */
export class RealApi {
  readonly token: string;
  readonly userId: string;
  readonly projectId: string;
  readonly #endpoints: ReadonlyMap<string, string>;

  private constructor(token: string, issued: z.output<typeof issuedSchema>['token']) {
    this.token = token;
    this.userId = issued.user.id;
    this.projectId = issued.project.id;
    this.#endpoints = new Map(
      issued.catalog.map(({ type, endpoints }) => [
        type,
        endpoints.find((endpoint) => endpoint.interface === 'public')?.url ?? '',
      ]),
    );
  }

  static async logIn({ auth }: RealCloudLogin): Promise<RealApi> {
    const user = {
      name: auth.username,
      password: auth.password,
      domain: { name: auth.user_domain_name },
    };
    const body = {
      auth: {
        identity: { methods: ['password'], password: { user } },
        scope: { project: { name: auth.project_name, domain: { name: auth.project_domain_name } } },
      },
    };
    const response = await fetch(`${auth.auth_url}/auth/tokens`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(CALL_MS_MAX),
    });
    if (response.status !== 201) throw new Error(`no login: ${await response.text()}`);
    const { token } = issuedSchema.parse(await response.json());
    return new RealApi(response.headers.get('X-Subject-Token') ?? '', token);
  }

  /** As the catalog has it, without a slash at the end. */
  endpoint(service: ApiService): string {
    const found = this.#endpoints.get(service);
    if (found === undefined) throw new Error(`the catalog has no ${service}`);
    return found.replace(/\/$/, '');
  }

  /** The status, and the body where there is one; any status resolves. */
  async call(
    service: ApiService,
    method: string,
    path: string,
    body: object | null = null,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await fetch(`${this.endpoint(service)}${path}`, {
      method,
      headers: {
        'X-Auth-Token': this.token,
        'Content-Type': 'application/json',
        'OpenStack-API-Version': `compute ${NOVA_VERSION}`,
      },
      body: body === null ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(CALL_MS_MAX),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  }

  async #read(service: ApiService, path: string): Promise<unknown> {
    const { status, body } = await this.call(service, 'GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  /** As an administrator: of all projects. */
  async outside(): Promise<Outside> {
    const [servers, ports, floatingIps] = await Promise.all([
      this.#servers('/servers/detail?all_tenants=1'),
      this.#read('network', '/v2.0/ports'),
      this.#read('network', '/v2.0/floatingips'),
    ]);
    return {
      servers,
      ports: z.object({ ports: z.array(portSchema) }).parse(ports).ports,
      floatingIps: z.object({ floatingips: z.array(floatingIpSchema) }).parse(floatingIps).floatingips,
    };
  }

  /** Id of the only thing of its name in a list, such as `/v2.0/networks` of `network`. */
  async idOf(service: ApiService, path: string, name: string): Promise<string> {
    const lists = z.record(z.string(), z.unknown()).parse(await this.#read(service, path));
    const list = z.array(z.looseObject({ id: z.string(), name: z.string() }));
    for (const value of Object.values(lists)) {
      const found = list.safeParse(value).data?.filter((one) => one.name === name) ?? [];
      const [only] = found;
      if (only !== undefined && found.length === 1) return only.id;
    }
    throw new Error(`${path} has not exactly one ${name}`);
  }

  /** As an administrator: all of this name that there ever were, also those that are deleted. */
  async everNamed(name: string): Promise<readonly RealServer[]> {
    const [there, gone] = await Promise.all([
      this.#servers(`/servers/detail?all_tenants=1&name=${name}`),
      this.#servers(`/servers/detail?all_tenants=1&deleted=true&name=${name}`),
    ]);
    return [...new Map([...there, ...gone].map((server) => [server.id, server])).values()];
  }

  /** As an administrator: deletes all of it, and what has gone already too. */
  async takeAway({ servers, ports, floatingIps }: Outside): Promise<void> {
    for (const { id } of floatingIps) await this.call('network', 'DELETE', `/v2.0/floatingips/${id}`);
    for (const { id } of servers) await this.call('compute', 'DELETE', `/servers/${id}`);
    const gone = servers.map(async ({ id }) => {
      const isGone = async (): Promise<boolean> =>
        (await this.call('compute', 'GET', `/servers/${id}`)).status === 404;
      await eventually(`${id} to be gone`, CALL_MS_MAX, isGone, () => '', 500);
    });
    await Promise.all(gone);
    for (const { id } of ports) await this.call('network', 'DELETE', `/v2.0/ports/${id}`);
  }

  async server(id: string): Promise<RealServer> {
    return z.object({ server: serverSchema }).parse(await this.#read('compute', `/servers/${id}`)).server;
  }

  async #servers(path: string): Promise<readonly RealServer[]> {
    return z.object({ servers: z.array(serverSchema) }).parse(await this.#read('compute', path)).servers;
  }
}

/** What carries the mark of a lease. */
export function ofLease(outside: Outside, leaseId: string): Outside {
  return marked(outside, (text) => text.startsWith('berth:') && text.endsWith(`:${leaseId}`));
}

/** What carries any mark of Berth, or only that of one deployment. */
export function ofBerth(outside: Outside, deploymentId = ''): Outside {
  const start = deploymentId === '' ? 'berth:' : `berth:${deploymentId}:`;
  return marked(outside, (text) => text.startsWith(start));
}

function marked({ servers, ports, floatingIps }: Outside, isMarked: (text: string) => boolean): Outside {
  return {
    servers: servers.filter(({ tags }) => (tags ?? []).some(isMarked)),
    ports: ports.filter(({ description }) => isMarked(description)),
    floatingIps: floatingIps.filter(({ description }) => isMarked(description)),
  };
}

/** How many servers, ports and floating IPs. */
export function counts({ servers, ports, floatingIps }: Outside): readonly [number, number, number] {
  return [servers.length, ports.length, floatingIps.length];
}
