import { catalogue, type FindingCode } from './catalogue.ts';
import type { Severity } from './catalogue-entry.ts';

/** One thing that is wrong, with its mending. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** What it is about, e.g. `flavor 'gpu_tiny'`. */
  readonly subject: string;
  /** One sentence with the numbers. */
  readonly message: string;
  /** A command line, or a key of the configuration and its value. */
  readonly fix: string;
}

/** `severity` only where it depends on the numbers; else it is the catalogue's. */
export function finding(
  code: FindingCode,
  subject: string,
  message: string,
  fix: string,
  severity: Severity = catalogue[code].severity,
): Finding {
  return { code, severity, subject, message, fix };
}

/** A word as an argument of a POSIX shell. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_.:/@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** How to write a key of this cloud in the configuration: `clouds: [{name: lab, network: private}]`. */
export function setting(cloud: string, key: string, value: string): string {
  return `In the configuration, under the cloud '${cloud}': ${key}: ${value}`;
}

/** `a, b and 3 more`. */
export function some(names: readonly string[], shown = 5): string {
  if (names.length <= shown) return names.join(', ');
  return `${names.slice(0, shown).join(', ')} and ${names.length - shown} more`;
}
