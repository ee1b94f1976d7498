import type { Clock } from '../../src/base/clock.ts';
import { asId } from '../../src/base/ids.ts';
import type { Provider } from '../../src/engine/ports.ts';
import { createHomes } from '../../src/openstack/homes.ts';
import { createOpenStackProvider, type OpenStackProviderOptions } from '../../src/openstack/provider.ts';
import { createCatalogue } from '../../src/profiles/catalogue.ts';
import type { OpenStackSession } from '../../src/openstack/session.ts';
import { READY_AT_ONCE } from './readiness.ts';

/**
 * A provider on the topology that the simulated cloud and the real test cloud share, in Berth's own project;
 * what a test is about stands in `changes`.
 */
export function simProvider(
  world: { readonly deploymentId: () => string; readonly session: OpenStackSession; readonly clock: Clock },
  changes: Partial<OpenStackProviderOptions> = {},
): Provider {
  const { session, clock, deploymentId } = world;
  return createOpenStackProvider({
    id: asId('sim'),
    deploymentId,
    homes: createHomes({ ownership: 'service', placement: 'nova', own: session, inScope: null }),
    placement: 'nova',
    allProjects: false,
    rights: () => 'full',
    clock,
    network: 'private',
    externalNetwork: 'public',
    image: 'ubuntu-22.04-cuda',
    user: 'ubuntu',
    sshPort: 22,
    readiness: READY_AT_ONCE,
    configDrive: false,
    profiles: createCatalogue([]),
    aliases: { 'tesla-v100': 'V100' },
    vcpuRatio: 4,
    hosts: [],
    ...changes,
  });
}
