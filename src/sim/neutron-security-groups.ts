/** Neutron's security groups and their rules. Source: neutron 21 (Zed), db/securitygroups_db.py. */
import { isRecord, recordAt, stringAt } from './http.ts';
import type { Call, Reply } from './http.ts';
import type { SimSecurityGroup, SimSecurityRule } from './model.ts';
import { neutronError } from './neutron-errors.ts';
import { rulesOf } from './neutron-layout.ts';
import { isVisible, listOrShow, notFound } from './neutron-lists.ts';
import type { View } from './neutron-lists.ts';
import { projectOf, readText } from './neutron-ports.ts';
import { countOf } from './quotas.ts';

const GROUPS_MAX = 100;

export function handleSecurityGroups(call: Call): Reply {
  const { world, method, segments } = call;
  if (method === 'POST' && segments[1] === undefined) return createGroup(call);
  if (method === 'DELETE' && segments[1] !== undefined) return deleteGroup(call, segments[1]);
  if (method !== 'GET') throw notAllowed();
  const seen = [...world.securityGroups.values()].filter((group) => isVisible(call, group));
  return listOrShow(call, 'security_groups', 'security_group', seen.map(showGroup));
}

export function handleSecurityGroupRules(call: Call): Reply {
  if (call.method !== 'POST' || call.segments[1] !== undefined) throw notAllowed();
  const { world } = call;
  const body = recordAt(call.body, 'security_group_rule');
  const groupId = stringAt(body, 'security_group_id') ?? '';
  const group = world.securityGroups.get(groupId);
  if (group === undefined || !isVisible(call, group)) {
    throw neutronError(404, 'SecurityGroupNotFound', `Security group ${groupId} does not exist`);
  }
  const rule = readRule(call, body);
  const same = group.rules?.find((other) => isSame(other, rule));
  if (same !== undefined) {
    const message = `Security group rule already exists. Rule id is ${same.id}.`;
    throw neutronError(409, 'SecurityGroupRuleExists', message);
  }
  const changed = { ...group, rules: [...(group.rules ?? []), rule] };
  world.securityGroups.set(group.id, changed);
  world.revision += 1;
  return { status: 201, json: { security_group_rule: { ...rule, security_group_id: group.id } } };
}

function createGroup(call: Call): Reply {
  const { world, prng } = call;
  const body = recordAt(call.body, 'security_group');
  if (body === null) throw neutronError(400, 'HTTPBadRequest', 'Resource body required');
  const projectId = projectOf(call, body);
  const name = readText(body, 'name') ?? '';
  if (name === 'default') {
    throw neutronError(409, 'SecurityGroupDefaultAlreadyExists', 'Default security group already exists.');
  }
  if (countOf(world.securityGroups.values(), projectId) + 1 > GROUPS_MAX) {
    throw neutronError(409, 'OverQuota', "Quota exceeded for resources: ['security_group'].");
  }
  const description = readText(body, 'description') ?? '';
  const group = { id: prng.uuid(), name, description, projectId, openTcpPorts: [], rules: [] };
  world.securityGroups.set(group.id, group);
  world.revision += 1;
  return { status: 201, json: { security_group: showGroup(group) } };
}

function deleteGroup(call: Call, id: string): Reply {
  const { world } = call;
  const group = world.securityGroups.get(id);
  if (group === undefined || !isVisible(call, group)) throw notFound('security_group', id);
  const isUsed = [...world.ports.values()].some(({ securityGroupIds }) => securityGroupIds.includes(id));
  if (isUsed || group.name === 'default') {
    throw neutronError(409, 'SecurityGroupInUse', `Security Group ${id} in use.`);
  }
  world.securityGroups.delete(id);
  world.revision += 1;
  return { status: 204 };
}

function showGroup(group: SimSecurityGroup): View {
  return {
    id: group.id,
    name: group.name,
    project_id: group.projectId,
    tenant_id: group.projectId,
    description: group.description ?? 'Default security group',
    stateful: true,
    tags: [],
    security_group_rules: rulesOf(group),
  };
}

function readRule(call: Call, body: Readonly<Record<string, unknown>> | null): SimSecurityRule {
  const port = (key: string): number | null => {
    const value = isRecord(body) ? body[key] : undefined;
    return typeof value === 'number' ? value : null;
  };
  const direction = stringAt(body, 'direction');
  if (direction !== 'ingress' && direction !== 'egress') {
    throw neutronError(400, 'HTTPBadRequest', 'Invalid input for direction.');
  }
  const ethertype = stringAt(body, 'ethertype') === 'IPv6' ? 'IPv6' : 'IPv4';
  const prefix = stringAt(body, 'remote_ip_prefix');
  if (prefix !== null && prefix.includes(':') !== (ethertype === 'IPv6')) {
    const message = `Conflicting value ethertype ${ethertype} for CIDR ${prefix}`;
    throw neutronError(400, 'SecurityGroupRuleParameterConflict', message);
  }
  return {
    id: call.prng.uuid(),
    direction,
    ethertype,
    protocol: stringAt(body, 'protocol'),
    port_range_min: port('port_range_min'),
    port_range_max: port('port_range_max'),
    remote_ip_prefix: prefix,
  };
}

function isSame(a: SimSecurityRule, b: SimSecurityRule): boolean {
  return JSON.stringify({ ...a, id: '' }) === JSON.stringify({ ...b, id: '' });
}

function notAllowed(): Error {
  return neutronError(405, 'HTTPMethodNotAllowed', 'The method is not allowed.');
}
