/**
 * The device profiles that flavors name. Owns how long a profile is remembered: operators hardly ever change
 * one, and an accelerator service that is away must not hide its flavors.
 */
import type { Clock } from '../../base/clock.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { MINUTE_MS } from '../../base/units.ts';
import { ProviderError } from '../../engine/ports.ts';
import { PROFILE_KEY, type DeviceGroup, type DeviceProfiles } from '../gpu-flavor-needs.ts';
import type { NovaFlavor } from '../nova/flavors.ts';
import type { OpenStackSession } from '../session.ts';
import { listDeviceProfiles } from './device-profiles.ts';

const REMEMBERED_MS = 5 * MINUTE_MS;
/** Names in one request: its line stays below what proxies allow. */
const NAMES_MAX = 20;

export class KnownProfiles {
  readonly #session: OpenStackSession;
  readonly #clock: Clock;
  readonly #groups = new Map<string, readonly DeviceGroup[]>();
  #readUntilMs = 0;
  #namesRead = '';

  constructor(session: OpenStackSession, clock: Clock) {
    this.#session = session;
    this.#clock = clock;
  }

  /** Those that the flavors name, each with its groups or why these are not known. Never rejects. */
  async of(flavors: readonly NovaFlavor[]): Promise<DeviceProfiles> {
    const named = flavors.flatMap(({ extraSpecs }) => extraSpecs[PROFILE_KEY] ?? []);
    const names = [...new Set(named)].toSorted();
    const failure = names.length === 0 ? null : await this.#read(names);
    const profiles = new Map<string, Result<readonly DeviceGroup[], string>>();
    for (const name of names) {
      const groups = this.#groups.get(name);
      const reason = failure ?? `the accelerator service has no device profile '${name}'`;
      profiles.set(name, groups === undefined ? err(reason) : ok(groups));
    }
    return profiles;
  }

  /** null: all that there are of these names are known now; else why not. */
  async #read(names: readonly string[]): Promise<string | null> {
    const nowMs = this.#clock.monotonicMs();
    const wanted = names.join(',');
    if (nowMs < this.#readUntilMs && wanted === this.#namesRead) return null;
    try {
      const found = [];
      for (let from = 0; from < names.length; from += NAMES_MAX)
        found.push(...(await listDeviceProfiles(this.#session, names.slice(from, from + NAMES_MAX))));
      this.#groups.clear();
      for (const { name, groups } of found) this.#groups.set(name, groups);
      this.#readUntilMs = nowMs + REMEMBERED_MS;
      this.#namesRead = wanted;
      return null;
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return `its device profile cannot be read: ${error.message}`;
    }
  }
}
