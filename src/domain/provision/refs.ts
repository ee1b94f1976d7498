import type { Lease, ProviderRefs } from '../model/lease.ts';
import { keeperOf } from './keeper.ts';
import type { Sighting } from './sighting.ts';

/**
 * What the sighting shows that the lease has not recorded: the outcome of calls whose reply was lost. null:
 * nothing new. To be recorded before the next step, which relies on it. What has vanished is not forgotten
 * here: that a server was once known decides whether another may be built.
 */
export function refsToRecord(lease: Lease, sighting: Sighting): Partial<ProviderRefs> | null {
  const { port, floatingIp } = sighting;
  const server = keeperOf(sighting);
  const news: { -readonly [K in keyof ProviderRefs]?: ProviderRefs[K] } = {};
  if (port !== null && port.id !== lease.refs.portId) news.portId = port.id;
  if (server !== null && server.id !== lease.refs.serverId) news.serverId = server.id;
  if (floatingIp !== null && floatingIp.id !== lease.refs.floatingIpId) news.floatingIpId = floatingIp.id;
  // Where a floating IP was, the fixed address is not what its borrower knows.
  const fixed = lease.refs.floatingIpId === null ? (port?.address ?? null) : null;
  const address = floatingIp?.address ?? fixed;
  if (address !== null && address !== lease.refs.address) news.address = address;
  return Object.keys(news).length === 0 ? null : news;
}
