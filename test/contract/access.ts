import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { nothing } from '../../src/openstack/reply.ts';
import { resolveImage } from '../../src/openstack/glance/images.ts';
import { ensureSshAccess } from '../../src/openstack/neutron/ssh-access.ts';
import { listSecurityGroups } from '../../src/openstack/neutron/security-groups.ts';
import { afterwards, projectIdOf, refusal, type Bench } from './bench.ts';

/** What is relied on for machines that somebody asks for by their image, or with SSH from somewhere. */
export function accessContract(bench: () => Bench): void {
  test('a group for SSH is made once, with each rule once, beside the default one', async () => {
    const { demo } = bench();
    const projectId = await projectIdOf(demo);
    const deploymentId = `contract-${randomUUID().slice(0, 8)}`;
    const wanted = { projectId, deploymentId, port: 22, cidrs: ['192.0.2.0/24'] };
    const [standard, ours] = await ensureSshAccess(demo, wanted);
    afterwards(() => remove(ours ?? ''));
    expect(await ensureSshAccess(demo, { ...wanted, cidrs: ['192.0.2.0/24', '2001:db8::/64'] })).toEqual([
      standard,
      ours,
    ]);
    const groups = await listSecurityGroups(demo, projectId);
    const made = groups.filter(({ description }) => description === `berth:${deploymentId}:ssh`);
    expect(made.map(({ id }) => id)).toEqual([ours]);
    const inward = made[0]?.rules.filter(({ direction }) => direction === 'ingress') ?? [];
    const told = inward.map(
      ({ remoteCidr, portMin, portMax }) => `${remoteCidr ?? ''} ${portMin}-${portMax}`,
    );
    expect(new Set(told)).toEqual(new Set(['192.0.2.0/24 22-22', '2001:db8::/64 22-22']));
    expect(told).toHaveLength(2);

    async function remove(id: string): Promise<void> {
      const path = `/security-groups/${id}`;
      await demo.send({ service: 'network', method: 'DELETE', path, expect: [204], reply: nothing });
    }
  });

  test('an image is found by what is said of it', async () => {
    const { demo } = bench();
    const only = await resolveImage(demo, 'ubuntu-22.04-cuda');
    expect(await resolveImage(demo, 'family:ubuntu-22.04')).toBe(only);
    expect(await resolveImage(demo, 'property:os_distro=ubuntu,os_type=linux')).toBe(only);
    for (const none of ['family:ubuntu-99.04', 'family:cuda', 'property:os_distro=fedora'])
      expect((await refusal(resolveImage(demo, none))).code).toBe('not_found');
  });
}
