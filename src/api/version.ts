/**
 * Which versions understand each other: those with the same major number and minor numbers that differ by one
 * at most, so that servers and those who talk to them can be upgraded in any order, one step at a time.
 */

/** The server says its version in every reply. */
export const VERSION_HEADER = 'berth-version';

const MINORS_APART_MAX = 1;

/** How the other's version stands to the own one: `near` understands it; null: one of them is no version. */
export function versionSkew(own: string, other: string): 'near' | 'older' | 'newer' | null {
  const [a, b] = [numbersOf(own), numbersOf(other)];
  if (a === null || b === null) return null;
  if (a.major !== b.major) return b.major < a.major ? 'older' : 'newer';
  if (Math.abs(a.minor - b.minor) <= MINORS_APART_MAX) return 'near';
  return b.minor < a.minor ? 'older' : 'newer';
}

/** `1.4.2`, `1.5.0-rc.1`. */
function numbersOf(version: string): { readonly major: number; readonly minor: number } | null {
  const match = /^(\d{1,6})\.(\d{1,6})\.\d/.exec(version);
  return match === null ? null : { major: Number(match[1]), minor: Number(match[2]) };
}
