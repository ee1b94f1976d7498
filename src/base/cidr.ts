import { isIPv4, isIPv6 } from 'node:net';
import { err, ok, type Result } from './result.ts';

/**
 * A network as `address/bits` in one spelling, so that equal networks are equal texts: `192.0.2.7/24` becomes
 * `192.0.2.0/24`, an address alone its own network. The error is a clause that says what is wrong.
 */
export function parseCidr(text: string): Result<string, string> {
  const [, address = '', bitsText] = /^([0-9a-f.:]{2,45})(?:\/(\d{1,3}))?$/i.exec(text.trim()) ?? [];
  const width = isIPv4(address) ? 32 : isIPv6(address) ? 128 : 0;
  const bits = bitsText === undefined ? width : Number(bitsText);
  if (width === 0) return err(`'${text.slice(0, 60)}' is no IP address or network`);
  if (bits > width) return err(`/${bits} is more than an address has (${width} bits)`);
  const host = BigInt(width - bits);
  const network = (numberOf(address, width) >> host) << host;
  return ok(`${textOf(network, width)}/${bits}`);
}

function numberOf(address: string, width: number): bigint {
  const join = (parts: readonly string[], radix: 'dec' | 'hex', size: bigint): bigint =>
    parts.reduce((sum, part) => (sum << size) + BigInt(radix === 'hex' ? `0x${part}` : part), 0n);
  if (width === 32) return join(address.split('.'), 'dec', 8n);
  return join(groupsOf(address), 'hex', 16n);
}

/** The eight groups of an IPv6 address, which may be shortened and end in an IPv4 address. */
function groupsOf(address: string): readonly string[] {
  const plain = address.replace(/\d+\.\d+\.\d+\.\d+$/, (ipv4) => {
    const number = numberOf(ipv4, 32);
    return `${(number >> 16n).toString(16)}:${(number & 0xffffn).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = 8 - left.length - right.length;
  return [...left, ...Array.from({ length: missing }, () => '0'), ...right];
}

function textOf(number: bigint, width: number): string {
  if (width === 32) return [24n, 16n, 8n, 0n].map((shift) => String((number >> shift) & 0xffn)).join('.');
  const groups = [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n].map((shift) => (number >> shift) & 0xffffn);
  // The WHATWG URL parser shortens as RFC 5952 says.
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]/`).hostname.slice(1, -1);
}
