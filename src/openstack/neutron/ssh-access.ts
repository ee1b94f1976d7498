/** The security group of a project through which borrowers of Berth's machines come in. */
import { z } from 'zod';
import { ProviderError } from '../../engine/ports.ts';
import type { OpenStackSession } from '../session.ts';
import { listSecurityGroups, type SecurityGroup, type SecurityRule } from './security-groups.ts';

const GROUP_NAME = 'berth-ssh';

/** Neutron's quota of rules is 100 by default, for the whole project; what others need is left to them. */
const RULES_MAX = 50;

export interface SshAccess {
  readonly projectId: string;
  readonly deploymentId: string;
  /** Where SSH answers on the machines. */
  readonly port: number;
  /** Networks that are let in. */
  readonly cidrs: readonly string[];
}

/**
 * Sees to it that the project has our group with a rule for each network, and gives the ids of the groups
 * that a port needs: ours and the project's `default`. Everything is looked at first, so a repetition makes
 * nothing twice; two at one time can make the group twice, of which the older one is used from then on. It is
 * the project's and stays when leases end. Rejects with ProviderError.
 */
export async function ensureSshAccess(
  session: OpenStackSession,
  wanted: SshAccess,
): Promise<readonly string[]> {
  const description = groupMark(wanted.deploymentId);
  const groups = await listSecurityGroups(session, wanted.projectId);
  const ours =
    groups.find((group) => group.description === description) ?? (await createGroup(session, description));
  const missing = wanted.cidrs.filter((cidr) => !ours.rules.some((rule) => letsIn(rule, wanted.port, cidr)));
  if (ours.rules.length + missing.length > RULES_MAX) {
    const text = `security group ${GROUP_NAME} of the project has ${ours.rules.length} rules already: remove old ones, or ask for a network that covers them`;
    throw new ProviderError('quota', 'none', text);
  }
  for (const cidr of missing) await createRule(session, ours.id, wanted.port, cidr);
  const standard = groups.find(({ name }) => name === 'default');
  return [...(standard === undefined ? [] : [standard.id]), ours.id];
}

function groupMark(deploymentId: string): string {
  return `berth:${deploymentId}:ssh`;
}

function letsIn(rule: SecurityRule, port: number, cidr: string): boolean {
  return (
    rule.direction === 'ingress' &&
    rule.protocol === 'tcp' &&
    rule.portMin === port &&
    rule.portMax === port &&
    rule.remoteCidr === cidr
  );
}

const createdGroup = z.object({ security_group: z.object({ id: z.string(), name: z.string() }) });

/**
 * `POST /v2.0/security-groups`, expects 201; 409 over quota. The description is part of the creation: it is
 * found by that. A new group lets everything out and nothing in. Source: neutron 21 (Zed),
 * neutron/db/securitygroups_db.py.
 */
async function createGroup(session: OpenStackSession, description: string): Promise<SecurityGroup> {
  const { security_group: made } = await session.send({
    service: 'network',
    method: 'POST',
    path: '/security-groups',
    body: { security_group: { name: GROUP_NAME, description } },
    expect: [201],
    reply: createdGroup,
  });
  return { ...made, description, rules: [] };
}

/**
 * `POST /v2.0/security-group-rules`, expects 201; 409 `SecurityGroupRuleExists` where somebody was quicker,
 * which is as good. Source: neutron 21 (Zed), neutron/db/securitygroups_db.py.
 */
async function createRule(
  session: OpenStackSession,
  groupId: string,
  port: number,
  cidr: string,
): Promise<void> {
  const rule = {
    security_group_id: groupId,
    direction: 'ingress',
    ethertype: cidr.includes(':') ? 'IPv6' : 'IPv4',
    protocol: 'tcp',
    port_range_min: port,
    port_range_max: port,
    remote_ip_prefix: cidr,
  };
  try {
    await session.send({
      service: 'network',
      method: 'POST',
      path: '/security-group-rules',
      body: { security_group_rule: rule },
      expect: [201],
      reply: z.object({}),
    });
  } catch (error) {
    if (!(error instanceof ProviderError) || error.code !== 'conflict') throw error;
  }
}
