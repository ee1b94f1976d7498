/** How a new machine is reached: its kind of address, and who is let in. */
import { assertDefined } from '../base/assert.ts';
import type { Lease } from '../domain/model/lease.ts';
import type { Setup } from '../domain/model/setup.ts';
import { ensureSshAccess } from './neutron/ssh-access.ts';
import type { OpenStackSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

export function addressIsFloating(cloudHasThem: boolean, { request }: Pick<Lease, 'request'>): boolean {
  return cloudHasThem && request.setup?.address !== 'fixed';
}

/**
 * The security groups of a machine's port: the project's `default`, which stays as it is, and Berth's own
 * with SSH from where the borrower asked for it. null: nobody asked. Rejects with ProviderError.
 */
export async function securityGroupIdsOf(
  cloud: {
    readonly surroundings: Surroundings;
    readonly deploymentId: () => string;
    readonly sshPort: number;
  },
  home: OpenStackSession,
  { sshFrom }: Setup,
): Promise<readonly string[] | null> {
  if (sshFrom.length === 0) return null;
  const projectId = assertDefined(await home.projectId(), 'machines are made in a project');
  const { sshPort: port } = cloud;
  const wanted = { projectId, deploymentId: cloud.deploymentId(), port, cidrs: sshFrom };
  return cloud.surroundings.ofProject(home, ['ssh-access', ...sshFrom], () => ensureSshAccess(home, wanted));
}
