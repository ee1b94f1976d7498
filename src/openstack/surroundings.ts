/**
 * What a new server needs of its cloud beside a flavor: network, external network, image. Looked up once and
 * remembered for some minutes, so that a warm start costs no look-ups. It guesses only where there is one
 * choice.
 */
import type { Clock } from '../base/clock.ts';
import { MINUTE_MS } from '../base/units.ts';
import { resolveImage } from './glance/images.ts';
import { externalNetwork, tenantNetwork } from './neutron/networks.ts';
import type { OpenStackSession } from './session.ts';
import type { Setup } from '../domain/model/setup.ts';
import { ProviderError } from '../engine/ports.ts';

export interface SurroundingsOptions {
  /**
   * Tenant network by id or name, in which `{user}` and `{project}` stand for names of the borrower; null:
   * the
   * only one of the project.
   */
  readonly network: string | null;
  /** External network by id or name; `auto`: the only one, if there is one; `none`: no floating IPs. */
  readonly externalNetwork: string;
  /** Image by id or name, where a lease names none; null: the only one. */
  readonly image: string | null;
}

const REMEMBERED_MS = 5 * MINUTE_MS;
const REMEMBERED_MAX = 1000;

export class Surroundings {
  readonly #options: SurroundingsOptions;
  readonly #clock: Clock;
  readonly #remembered = new Map<string, { readonly value: Promise<unknown>; readonly untilMs: number }>();
  readonly #turns = new Map<string, Promise<unknown>>();
  #external: string | null | undefined;

  constructor(options: SurroundingsOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Whether servers get a floating IP. Known for sure once `settle` has resolved. */
  get wantsFloatingIp(): boolean {
    const { externalNetwork: wanted } = this.#options;
    return wanted === 'none' ? false : wanted === 'auto' ? (this.#external ?? null) !== null : true;
  }

  /** Finds the external network once for good. Rejects with ProviderError. */
  async settle(session: OpenStackSession): Promise<string | null> {
    const { externalNetwork: wanted } = this.#options;
    if (wanted === 'none') return null;
    this.#external ??= await this.#remember(['external'], () =>
      externalNetwork(session, wanted === 'auto' ? null : wanted),
    );
    return this.#external;
  }

  /** Rejects with ProviderError, `bad_request` where a pattern cannot be filled. */
  async networkId(home: OpenStackSession, setup: Setup): Promise<string> {
    const projectId = (await home.projectId()) ?? '';
    const wanted = setup.network ?? filledPattern(this.#options.network, setup);
    return this.#remember(['network', projectId, wanted ?? ''], () => tenantNetwork(home, wanted));
  }

  /**
   * What a project needs once for many leases, remembered as everything else. One at a time for each project:
   * each sees what the one before has made. Rejects with ProviderError.
   */
  async ofProject<T>(home: OpenStackSession, key: readonly string[], load: () => Promise<T>): Promise<T> {
    const projectId = (await home.projectId()) ?? '';
    return this.#remember([...key, projectId], () => {
      const before = this.#turns.get(projectId) ?? Promise.resolve();
      const turn = before.then(load, load);
      this.#turns.set(projectId, turn);
      const leave = (): void => {
        if (this.#turns.get(projectId) === turn) this.#turns.delete(projectId);
      };
      turn.then(leave, leave);
      return turn;
    });
  }

  /** Rejects with ProviderError. */
  async imageId(home: OpenStackSession, idOrName: string | null): Promise<string> {
    const projectId = (await home.projectId()) ?? '';
    const wanted = idOrName ?? this.#options.image;
    return this.#remember(['image', projectId, wanted ?? ''], () => resolveImage(home, wanted));
  }

  /** After the cloud has refused what was built on it: everything is looked up anew. */
  forget(): void {
    this.#remembered.clear();
  }

  /** A failed look-up is not remembered; one that is under way is shared. */
  #remember<T>(key: readonly string[], load: () => Promise<T>): Promise<T>;
  #remember(key: readonly string[], load: () => Promise<unknown>): Promise<unknown> {
    const name = key.join('\n');
    const nowMs = this.#clock.monotonicMs();
    const held = this.#remembered.get(name);
    if (held !== undefined && nowMs < held.untilMs) return held.value;
    this.#remembered.delete(name);
    const value = load();
    this.#remembered.set(name, { value, untilMs: nowMs + REMEMBERED_MS });
    value.catch(() => this.#remembered.delete(name));
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > REMEMBERED_MAX && oldest !== undefined) this.#remembered.delete(oldest);
    return value;
  }
}

/** `{user}-net` → `ada-net`. null: there is no pattern. Throws ProviderError `bad_request`. */
export function filledPattern(
  pattern: string | null,
  { userName, projectName }: Pick<Setup, 'userName' | 'projectName'>,
): string | null {
  const known: Readonly<Record<string, string | null>> = { user: userName, project: projectName };
  return (
    pattern?.replaceAll(/\{(user|project)\}/g, (_whole, key: string) => {
      const name = known[key] ?? null;
      if (name !== null) return name;
      const text = `the network of this cloud is called '${pattern}', and the name of the ${key} is not known: name the network, or borrow with OpenStack credentials`;
      throw new ProviderError('bad_request', 'none', text);
    }) ?? null
  );
}
