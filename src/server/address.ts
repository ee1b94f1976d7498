/** Where requests come from: whose word on that is believed, and what counts as one address. */
import { BlockList, isIP } from 'node:net';
import { err, ok, type Result } from '../base/result.ts';

/** On a socket file there is no address: who may open it is a matter of its mode. */
const UNIX = 'unix';

/** Of an IPv6 address, what one customer gets at least: who has one has 2^64 (RFC 6177, RFC 7934). */
const IPV6_GROUPS_KEPT = 4;

/** The caller's address, past the proxies that are believed. */
export function addressOf(request: { readonly ip: string | undefined }): string {
  return request.ip ?? UNIX;
}

/**
 * What limits count by: an IPv4 address, or the first 64 bits of an IPv6 one, so that nobody gets past a
 * limit (or fills its memory) by changing the rest.
 */
export function limitKeyOf(address: string): string {
  const plain = address.replace(/%.*$/, '');
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (isIP(plain) !== 6) return plain;
  const [head = '', tail] = plain.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) while (groups.length < IPV6_GROUPS_KEPT) groups.push('0');
  const kept = groups.slice(0, IPV6_GROUPS_KEPT).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${kept.join(':')}::/64`;
}

/** Whether the X-Forwarded-For of this peer is believed. */
export type Trust = (address: string | undefined) => boolean;

/**
 * The declared proxies: addresses, and networks such as `10.0.0.0/8`. What comes over a socket file is
 * believed too: only a proxy is meant to be able to open it. The error names the entry.
 */
export function parseProxies(list: readonly string[]): Result<Trust, string> {
  const known = new BlockList();
  for (const entry of list) {
    const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
    const version = isIP(address);
    const prefix = bits === undefined ? undefined : Number(bits);
    const isPrefix = prefix === undefined || prefix <= (version === 4 ? 32 : 128);
    if (version === 0 || !isPrefix) {
      return err(`'${entry}' is neither an address nor a network; write it like 192.0.2.7 or 10.0.0.0/8`);
    }
    const family = version === 4 ? 'ipv4' : 'ipv6';
    if (prefix === undefined) known.addAddress(address, family);
    else known.addSubnet(address, prefix, family);
  }
  return ok((address) => {
    if (address === undefined) return true;
    const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
    const version = isIP(plain);
    return version !== 0 && known.check(plain, version === 4 ? 'ipv4' : 'ipv6');
  });
}
