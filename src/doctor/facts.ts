/** What an examination knows of a cloud: read once, then judged. Nothing here does I/O. */
import type { Interface, ServiceType } from '../openstack/catalog.ts';
import type { Credentials } from '../openstack/credentials.ts';
import type { Image } from '../openstack/glance/image-list.ts';
import type { AddressUse } from '../openstack/neutron/address-use.ts';
import type { Network } from '../openstack/neutron/networks.ts';
import type { NetworkQuota } from '../openstack/neutron/quotas.ts';
import type { Router } from '../openstack/neutron/routers.ts';
import type { SecurityGroup } from '../openstack/neutron/security-groups.ts';
import type { Subnet } from '../openstack/neutron/subnets.ts';
import type { Aggregate } from '../openstack/nova/aggregates.ts';
import type { NovaFlavor } from '../openstack/nova/flavors.ts';
import type { Hypervisor } from '../openstack/nova/hypervisors.ts';
import type { ComputeQuota } from '../openstack/nova/quotas.ts';
import type { Server } from '../openstack/nova/servers.ts';
import type { VersionRange } from '../openstack/nova/versions.ts';
import type { PciProvider } from '../openstack/placement/pci-providers.ts';
import type { Trees } from '../openstack/placement/trees.ts';
import type { ProviderError } from '../engine/ports.ts';

/** The cloud as the server would use it: from its configuration. */
export interface CloudSettings {
  readonly name: string;
  readonly ownership: 'project' | 'trust' | 'service';
  readonly placement: 'nova' | 'pinned';
  /** By id or name; null: the only one of the project. */
  readonly network: string | null;
  /** By id or name; `auto`: the only one there is; `none`: no floating IPs. */
  readonly externalNetwork: string;
  /** By id or name; null: the only one there is. */
  readonly image: string | null;
  readonly configDrive: boolean;
  readonly sshPort: number;
  readonly aliases: Readonly<Record<string, string>>;
  readonly vcpuRatio: number;
  /** GPU hosts that the configuration declares: how many. */
  readonly declaredHosts: number;
  /** Projects to lend to, by id or name, from the configuration and the command line. */
  readonly projects: readonly string[];
}

/** How the server logs in, without its secrets. */
export interface LoginFacts {
  readonly authUrl: string;
  readonly region: string | null;
  readonly interfaces: readonly Interface[];
  readonly kind: Credentials['kind'];
  /** Name or id, as configured; null: the credentials do not say. */
  readonly user: string | null;
  readonly project: string | null;
}

/** A call that gave no answer to go by. */
export interface CallFailure {
  readonly service: ServiceType;
  /** What was to be read, in words: `the list of hypervisors`. */
  readonly what: string;
  readonly code: ProviderError['code'];
  readonly message: string;
  /** Of the operating system or of TLS, e.g. `ECONNREFUSED`; null: there was a reply. */
  readonly systemCode: string | null;
}

export interface TokenFacts {
  readonly userId: string;
  readonly userName: string;
  readonly projectId: string | null;
  readonly projectName: string | null;
  readonly roles: readonly string[];
}

export interface NamedProject {
  readonly id: string;
  readonly name: string;
}

/** An endpoint of the catalog as it was chosen, or why none was. */
export type EndpointFact =
  | { readonly service: ServiceType; readonly url: string }
  | {
      readonly service: ServiceType;
      readonly url: null;
      /** `permission`: the settings say that it is not to be called. */
      readonly lacks: 'service' | 'region' | 'interface' | 'permission';
      /** What the catalog has instead: regions or interfaces. */
      readonly has: readonly string[];
    };

/** A project that Berth would lend to. null: could not be read. */
export interface ProjectFacts {
  readonly project: NamedProject;
  /** Networks that servers of the project could use, external ones not among them. */
  readonly networks: readonly NetworkFacts[] | null;
  readonly securityGroups: readonly SecurityGroup[] | null;
  readonly computeQuota: ComputeQuota | null;
  readonly networkQuota: NetworkQuota | null;
}

export interface NetworkFacts {
  readonly network: Network;
  readonly subnets: readonly Subnet[] | null;
  /** Routers that it is plugged into. */
  readonly routerIds: readonly string[] | null;
  readonly addresses: AddressUse | null;
}

/** null: could not be read, or there was no reason to. */
export interface Facts {
  readonly cloud: CloudSettings;
  readonly login: LoginFacts;
  /** Everything that failed, in the order of the calls. */
  readonly failures: readonly CallFailure[];
  readonly clock: ClockFact | null;
  readonly token: TokenFacts | null;
  /** Why there is no token. */
  readonly loginFailure: CallFailure | null;
  /** After a refused login: projects that the same password gets into; null: into none at all. */
  readonly projectsOfUser: readonly NamedProject[] | null;
  /** End of the application credential, ms; null: none, never, or not told. */
  readonly credentialEndsAtMs: number | null;
  /** Now, by the examiner's clock, ms. */
  readonly nowMs: number;
  /** Types of services in the catalog. */
  readonly serviceTypes: readonly string[];
  readonly endpoints: readonly EndpointFact[];
  readonly computeVersions: VersionRange | null;
  readonly placementVersions: VersionRange | null;
  readonly aggregates: readonly Aggregate[] | null;
  readonly hypervisors: readonly Hypervisor[] | null;
  readonly flavors: readonly NovaFlavor[] | null;
  /** Of all projects. */
  readonly servers: readonly Server[] | null;
  readonly pciProviders: readonly PciProvider[] | null;
  /** Capacities as Placement has them. */
  readonly trees: Trees | null;
  readonly images: readonly Image[] | null;
  readonly networks: readonly Network[] | null;
  readonly routers: readonly Router[] | null;
  /** Addresses of each external network that could be read, by its id. */
  readonly externalAddresses: ReadonlyMap<string, AddressUse>;
  /** Projects on which the account has a role; null: not told. */
  readonly ownProjects: readonly NamedProject[] | null;
  /** Its roles by project id; null: it may not see them. */
  readonly rolesByProject: ReadonlyMap<string, readonly string[]> | null;
  /** What `cloud.projects` are in Keystone; null: there is no such project. By the word of the settings. */
  readonly wantedProjects: ReadonlyMap<string, NamedProject | null>;
  /** Those that Berth lends to, as far as they are known. */
  readonly projects: readonly ProjectFacts[];
  /** Of the store that the server would open; null: there is none. */
  readonly deploymentId: string | null;
}

export interface ClockFact {
  /** The cloud's clock minus ours, ms. */
  readonly aheadMs: number;
  /** Half of the exchange, and the Date header's second: it cannot be known better, ms. */
  readonly uncertaintyMs: number;
}
