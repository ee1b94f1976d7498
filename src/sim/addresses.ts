/** IPv4 arithmetic and the allocation of addresses from subnets. */
import type { SimSubnet } from './model.ts';
import type { SimWorld } from './world.ts';

export function parseIpv4(text: string): number {
  const parts = text.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) {
    throw new RangeError(`'${text}' is not an IPv4 address`);
  }
  return parts.reduce((value, part) => value * 256 + part, 0);
}

export function formatIpv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
}

/**
 * First and last usable address of a network in CIDR notation: all but network, gateway (first), and
 * broadcast.
 */
export function usableRange(cidr: string): {
  readonly gateway: number;
  readonly start: number;
  readonly end: number;
} {
  const [network = '', length = '24'] = cidr.split('/');
  const first = parseIpv4(network);
  return { gateway: first + 1, start: first + 2, end: first + 2 ** (32 - Number(length)) - 2 };
}

/**
 * The next free address of the subnet after the last one handed out, so that a freed address is not taken
 * again at once; null: all are taken. Does not mark it: adding the port or floating IP does.
 */
export function pickAddress(world: SimWorld, subnet: SimSubnet): string | null {
  const count = subnet.poolEnd - subnet.poolStart + 1;
  const cursor = world.addressCursors.get(subnet.id) ?? 0;
  for (let step = 0; step < count; step++) {
    const offset = (cursor + step) % count;
    const address = formatIpv4(subnet.poolStart + offset);
    if (world.addressesUsed.has(`${subnet.id}/${address}`)) continue;
    world.addressCursors.set(subnet.id, offset + 1);
    return address;
  }
  return null;
}
