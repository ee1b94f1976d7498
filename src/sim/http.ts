/** Requests and replies as values, and the few readers that all services share. */
import type { Prng } from '../base/prng.ts';
import type { SimToken } from './model.ts';
import type { SimWorld } from './world.ts';

/**
 * `path` with query; `origin` such as `http://sim.invalid`, for links and the catalog; header names in lower
 * case.
 */
export interface SimRequest {
  readonly method: string;
  readonly path: string;
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface SimResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the client gets to see, and when. `reset`: the connection breaks; `hang`: nothing ever comes. */
export type SimOutcome =
  | { readonly kind: 'reply'; readonly response: SimResponse; readonly delayMs: number }
  | { readonly kind: 'reset'; readonly delayMs: number }
  | { readonly kind: 'hang' };

/** What a service answers; `json` becomes the body, else `text`. */
export interface Reply {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type ServiceName = 'identity' | 'compute' | 'placement' | 'image' | 'network' | 'accelerator';

/** One request on its way through a service. */
export interface Call {
  readonly world: SimWorld;
  readonly prng: Prng;
  readonly method: string;
  /** The whole path with query, as it came. */
  readonly path: string;
  readonly origin: string;
  /** Decoded segments after the service's version prefix. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON; undefined: none. */
  readonly body: unknown;
  readonly token: SimToken;
  readonly isAdmin: boolean;
  /** The N of microversion X.N; 0 where the service has none. */
  readonly minor: number;
}

/** Ends the handling of a request with this reply. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly reply: Reply;
  constructor(reply: Reply) {
    super(`refused with ${reply.status}`);
    this.reply = reply;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** The object under `key`; null: missing or something else. */
export function recordAt(value: unknown, key: string): Readonly<Record<string, unknown>> | null {
  if (!isRecord(value)) return null;
  const inner = value[key];
  return isRecord(inner) ? inner : null;
}

export function stringAt(value: unknown, key: string): string | null {
  if (!isRecord(value)) return null;
  const inner = value[key];
  return typeof inner === 'string' ? inner : null;
}

/** `2026-11-21T14:32:00Z`. */
export function isoSeconds(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}

/** `2026-11-21T14:32:00.000000Z`, as Keystone prints times; without the Z it is Nova's `launched_at`. */
export function isoMicros(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 23)}000Z`;
}

/**
 * The N of the wanted microversion from `OpenStack-API-Version: SERVICE X.N` (several may be listed), or from
 * the older header; null: none asked for. `latest` gives `latestMinor`. Not a version at all: NaN.
 */
export function wantedMinor(
  headers: Readonly<Record<string, string>>,
  service: string,
  major: number,
  latestMinor: number,
): number | null {
  const listed = headers['openstack-api-version']?.split(',') ?? [];
  const ours = listed.map((item) => item.trim().split(/\s+/)).find(([name]) => name === service);
  const wanted = ours?.[1] ?? (service === 'compute' ? headers['x-openstack-nova-api-version'] : undefined);
  if (wanted === undefined) return null;
  if (wanted === 'latest') return latestMinor;
  const match = /^(\d+)\.(\d+)$/.exec(wanted);
  return match !== null && Number(match[1]) === major ? Number(match[2]) : Number.NaN;
}

/**
 * Items after `marker`, at most `limit` of them, and whether more follow; null: the marker is not among them.
 */
export function pageOf<Item extends { readonly id: string }>(
  items: readonly Item[],
  marker: string | null,
  limit: number,
): { readonly items: readonly Item[]; readonly more: boolean } | null {
  let start = 0;
  if (marker !== null) {
    const index = items.findIndex((item) => item.id === marker);
    if (index < 0) return null;
    start = index + 1;
  }
  return { items: items.slice(start, start + limit), more: items.length > start + limit };
}

/** The same list call from `marker` on. */
export function nextLink(call: Call, prefix: string, marker: string): string {
  const query = new URLSearchParams(call.query);
  query.set('marker', marker);
  return `${prefix}?${query.toString()}`;
}
