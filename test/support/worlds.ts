/** Small worlds and requests for tests, built as the real ones are: nothing here is a mock. */
import { asId, type HostId, type LeaseId, type ProjectId } from '../../src/base/ids.ts';
import type { ObservedHost, UserCommand } from '../../src/domain/command.ts';
import type { Flavor } from '../../src/domain/model/flavor.ts';
import { NO_DEVICES, NO_RESOURCES, type Device, type DeviceCounts } from '../../src/domain/model/host.ts';
import {
  NO_LIMITS,
  NO_PROJECT_LIMITS,
  type Limits,
  type ProjectLimits,
} from '../../src/domain/model/limits.ts';
import type { Snapshot } from '../../src/domain/model/entities.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/domain/settings.ts';
import { World } from '../../src/domain/world.ts';

export const PROVIDER = asId<'provider'>('p');
export const T0 = Date.UTC(2026, 10, 21, 12, 0, 0);

export function flavor(
  name: string,
  devices: DeviceCounts,
  vcpus = 4,
  memoryMiB = 8192,
  diskGiB = 20,
): Flavor {
  return {
    id: asId(name),
    externalId: name,
    providerId: PROVIDER,
    name,
    description: '',
    resources: { vcpus, memoryMiB, diskGiB },
    devices,
    scratchGiB: 0,
    disabled: false,
    position: 0,
    misconfigured: null,
    reported: true,
  };
}

export function slotHost(name: string, slots: DeviceCounts, vcpus = 64, memoryMiB = 262_144): ObservedHost {
  return {
    id: asId(name),
    providerId: PROVIDER,
    name,
    claimKind: 'slot',
    capacity: { vcpus, memoryMiB, diskGiB: 2000 },
    devices: [],
    slots,
    foreign: { resources: NO_RESOURCES, devices: NO_DEVICES },
    status: { kind: 'up' },
  };
}

/** `cards`: class and IOMMU group of each. */
export function unitHost(name: string, cards: readonly (readonly [string, string | null])[]): ObservedHost {
  const devices = cards.map(([deviceClass, iommuGroup], index): Device => ({
    id: asId(`${name}-${index}`),
    deviceClass,
    address: null,
    iommuGroup,
    numaNode: null,
    parentId: null,
    quarantine: null,
  }));
  return { ...slotHost(name, {}), claimKind: 'unit', devices };
}

function snapshot(hosts: readonly ObservedHost[], flavors: readonly Flavor[]): Snapshot {
  return {
    control: {
      deploymentId: 'test00000000',
      freeze: null,
      clockDoubt: null,
      mode: { kind: 'act' },
      monthFromMs: null,
      queueSeq: 0,
      grantSeq: 0,
      eventFloor: null,
    },
    hosts: hosts.map((host) => ({ ...host, drain: null })),
    flavors: flavors.map((each, position) => ({ ...each, position })),
    projects: [],
    leases: [],
    intents: [],
    tokens: [],
    findings: [],
    idempotency: [],
  };
}

export function world(
  hosts: readonly ObservedHost[],
  flavors: readonly Flavor[],
  settings: Partial<Settings> = {},
): World {
  return new World(snapshot(hosts, flavors), { ...DEFAULT_SETTINGS, ...settings });
}

type Create = Extract<UserCommand, { readonly type: 'lease.create' }>;

export function create(id: string, flavorName: string, more: Partial<Create> = {}): Create {
  return {
    type: 'lease.create',
    leaseIds: [asId<'lease'>(id)],
    projectId: asId<'project'>('demo'),
    ownerId: 'user',
    name: id,
    wanted: { kind: 'flavor', flavor: flavorName },
    hostId: null,
    role: 'member',
    durationMs: 3_600_000,
    atEnd: 'delete',
    renew: false,
    ticket: null,
    image: null,
    sshPublicKey: null,
    purpose: 'interactive',
    exempt: null,
    waitUntilMs: null,
    window: null,
    ...more,
  };
}

/** Limits of a project as a whole, and nothing else. */
export function limited(limits: Partial<Limits>): ProjectLimits {
  return { ...NO_PROJECT_LIMITS, limits: { ...NO_LIMITS, ...limits } };
}

export const lease = (id: string): LeaseId => asId(id);
export const host = (id: string): HostId => asId(id);
export const project = (id: string): ProjectId => asId(id);
