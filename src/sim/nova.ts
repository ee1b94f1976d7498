/** Nova's routes, version documents, and key pairs. Source: nova 26 (Zed), compute/routes.py, keypairs.py. */
import { createHash } from 'node:crypto';
import { isoSeconds, recordAt, stringAt } from './http.ts';
import type { Call, Reply } from './http.ts';
import type { SimKeypair } from './model.ts';
import { handleAggregates, handleFlavors, handleHypervisors, handleLimits } from './nova-admin.ts';
import { handleQuotas, handleServices } from './nova-admin.ts';
import { novaError } from './nova-errors.ts';
import { handleServers } from './nova-servers.ts';

export function novaVersionDocument(origin: string, minorMax: number): Reply {
  return {
    status: 200,
    json: {
      version: {
        id: 'v2.1',
        status: 'CURRENT',
        version: `2.${minorMax}`,
        min_version: '2.1',
        updated: '2013-07-23T11:33:21Z',
        links: [{ rel: 'self', href: `${origin}/compute/v2.1/` }],
        'media-types': [
          { base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' },
        ],
      },
    },
  };
}

export function handleNova(call: Call): Reply {
  switch (call.segments[0]) {
    case 'servers':
      return handleServers(call);
    case 'flavors':
      return handleFlavors(call);
    case 'os-keypairs':
      return keypairs(call);
    case 'os-aggregates':
      return handleAggregates(call);
    case 'os-hypervisors':
      return handleHypervisors(call);
    case 'os-services':
      return handleServices(call);
    case 'os-quota-sets':
      return handleQuotas(call);
    case 'limits':
      return handleLimits(call);
    case undefined:
    default:
      throw novaError(404, 'The resource could not be found.');
  }
}

/** Key pairs belong to users, not to projects. */
function keypairs(call: Call): Reply {
  const { world, method, segments } = call;
  const userId = call.token.userId;
  const name = segments[1];
  if (method === 'POST') return addKeypair(call);
  if (name === undefined) {
    const own = [...world.keypairs.values()].filter((keypair) => keypair.userId === userId);
    return {
      status: 200,
      json: { keypairs: own.map((keypair) => ({ keypair: showKeypair(call, keypair) })) },
    };
  }
  const keypair = world.keypairs.get(`${userId}/${name}`);
  if (keypair === undefined) throw novaError(404, `Keypair ${name} not found for user ${userId}`);
  if (method === 'DELETE') {
    world.keypairs.delete(`${userId}/${name}`);
    world.revision += 1;
    return { status: call.minor >= 2 ? 204 : 202 };
  }
  const shown = { ...showKeypair(call, keypair), user_id: userId, created_at: isoSeconds(world.nowMs) };
  return { status: 200, json: { keypair: shown } };
}

function addKeypair(call: Call): Reply {
  const { world } = call;
  const given = recordAt(call.body, 'keypair');
  const name = stringAt(given, 'name');
  const publicKey = stringAt(given, 'public_key');
  if (name === null || !/^[A-Za-z0-9 _@.-]{1,255}$/.test(name)) {
    throw novaError(400, 'Invalid input for field/attribute name.');
  }
  if (publicKey === null) throw novaError(400, "'public_key' is a required property");
  const encoded = /^(?:ssh|ecdsa|sk)-\S+ ([A-Za-z0-9+/]+={0,2})(?: .*)?\s*$/.exec(publicKey)?.[1];
  if (encoded === undefined) throw novaError(400, 'Keypair data is invalid: failed to generate fingerprint');
  const userId = call.token.userId;
  const key = `${userId}/${name}`;
  if (world.keypairs.has(key)) throw novaError(409, `Key pair '${name}' already exists.`);
  const digest = createHash('md5').update(Buffer.from(encoded, 'base64')).digest('hex');
  const keypair = { userId, name, publicKey, fingerprint: digest.match(/../g)?.join(':') ?? '' };
  world.keypairs.set(key, keypair);
  world.revision += 1;
  const shown = { ...showKeypair(call, keypair), user_id: userId };
  return { status: call.minor >= 2 ? 201 : 200, json: { keypair: shown } };
}

function showKeypair(call: Call, keypair: SimKeypair): Record<string, unknown> {
  const { name, publicKey, fingerprint } = keypair;
  return { name, public_key: publicKey, fingerprint, ...(call.minor >= 2 ? { type: 'ssh' } : {}) };
}
