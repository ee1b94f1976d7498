/**
 * Trusts: a user delegates roles on one project to another, who then acts in the first one's name. Source:
 * keystone 22 (Zed), api/trusts.py.
 */
import { isRecord, recordAt, stringAt } from './http.ts';
import type { Call, Reply } from './http.ts';
import { forbidden, keystoneError, notFound } from './keystone-errors.ts';
import { rolesOn, showRoleShort } from './keystone-roles.ts';
import type { SimTrust } from './model.ts';

export function handleTrusts(call: Call): Reply {
  const [, , trustId] = call.segments;
  if (trustId === undefined) return call.method === 'POST' ? create(call) : list(call);
  const trust = call.world.trusts.get(trustId);
  const { userId } = call.token;
  const mayRead =
    trust !== undefined && (call.isAdmin || [trust.trustorId, trust.trusteeId].includes(userId));
  if (trust === undefined || !mayRead) throw notFound(`trust: ${trustId}`);
  if (call.method !== 'DELETE') return { status: 200, json: { trust: showTrust(trust) } };
  if (trust.trustorId !== userId && !call.isAdmin) throw forbidden('identity:delete_trust');
  call.world.trusts.delete(trustId);
  call.world.revision += 1;
  return { status: 204 };
}

function create(call: Call): Reply {
  const { world, token, prng } = call;
  const given = recordAt(call.body, 'trust');
  const projectId = stringAt(given, 'project_id');
  const trusteeId = stringAt(given, 'trustee_user_id') ?? '';
  if (given === null || typeof given['impersonation'] !== 'boolean') {
    throw keystoneError(400, 'Bad Request', "'impersonation' is a required property");
  }
  const isDelegated = token.applicationCredentialId !== null || token.trustId !== null;
  if (isDelegated || stringAt(given, 'trustor_user_id') !== token.userId)
    throw forbidden('identity:create_trust');
  if (!world.users.has(trusteeId)) throw notFound(`user: ${trusteeId}`);
  const wanted: readonly unknown[] = Array.isArray(given['roles']) ? given['roles'] : [];
  const roles = wanted.filter(isRecord).map((role) => stringAt(role, 'name') ?? '');
  const held = rolesOn(world, projectId, token.userId);
  if (projectId === null || roles.length === 0 || roles.some((role) => !held.includes(role))) {
    throw forbidden('identity:create_trust');
  }
  const trust: SimTrust = {
    id: prng.uuid().replaceAll('-', ''),
    trustorId: token.userId,
    trusteeId,
    projectId,
    roles,
  };
  world.trusts.set(trust.id, trust);
  world.revision += 1;
  return { status: 201, json: { trust: showTrust(trust) } };
}

function list(call: Call): Reply {
  const { query, token } = call;
  const [trustor, trustee] = [query.get('trustor_user_id'), query.get('trustee_user_id')];
  const isOwn = trustor === token.userId || trustee === token.userId;
  if (!call.isAdmin && !isOwn) throw forbidden('identity:list_trusts');
  const found = [...call.world.trusts.values()].filter(
    (trust) =>
      (trustor === null || trust.trustorId === trustor) && (trustee === null || trust.trusteeId === trustee),
  );
  return { status: 200, json: { trusts: found.map(showTrust), links: {} } };
}

function showTrust(trust: SimTrust): unknown {
  return {
    id: trust.id,
    trustor_user_id: trust.trustorId,
    trustee_user_id: trust.trusteeId,
    project_id: trust.projectId,
    impersonation: true,
    roles: trust.roles.map(showRoleShort),
    expires_at: null,
    remaining_uses: null,
    deleted_at: null,
  };
}
