/** A cloud that the contract suite runs on: how to reach it, who has accounts there, and how to break it. */
import type { StepKind } from '../../src/domain/provision/sighting.ts';

export interface Account {
  readonly user: string;
  readonly password: string;
  /** The project that it belongs to; both are of the domain `default`. */
  readonly project: string;
}

/** `admin` is one, `demo` and `lab2` are ordinary members of projects with a network `private`. */
export type AccountName = 'admin' | 'demo' | 'lab2';

export interface ContractTarget {
  /** Keystone's. */
  readonly authUrl: string;
  account(name: AccountName): Account;
  /** The next call that a step of this kind makes fails so, or takes effect late. */
  fault(fault: CallFault): Promise<void>;
  clearFaults(): Promise<void>;
  readonly pace: Pace;
}

/** How fast the cloud is, ms. */
export interface Pace {
  readonly pollMs: number;
  /** Enough for any call that no fault delays. */
  readonly shortTimeoutMs: number;
  /** When a delayed call takes effect: later than that. */
  readonly lateMs: number;
  /** What was delayed has taken effect long ago. */
  readonly lostCallMs: number;
}

export type FaultStatus = 409 | 429 | 500 | 502 | 503 | 504;

export type CallFault = { readonly step: StepKind } & (
  | { readonly status: FaultStatus }
  | { readonly delayMs: number }
);

/** What a 429 says when to come back, seconds. */
export const RETRY_AFTER_S = 2;

/** What both clouds can answer with in place of doing something. */
export const STATUSES: readonly FaultStatus[] = [409, 429, 500, 502, 504];
/** The simulation has no 503: it means what the other replies of a gateway mean. */
export const ONLY_REAL: readonly FaultStatus[] = [503];

export interface CallPattern {
  readonly service: 'nova' | 'neutron';
  readonly method: 'POST' | 'PUT' | 'DELETE';
  /** The collection, or the sub-resource of the end. */
  readonly path: string;
}

const ACTION: CallPattern = { service: 'nova', method: 'POST', path: '/action' };

/** The one call that each step makes. */
export const CALL_OF: Readonly<Record<StepKind, CallPattern>> = {
  createPort: { service: 'neutron', method: 'POST', path: '/ports' },
  createServer: { service: 'nova', method: 'POST', path: '/servers' },
  createFloatingIp: { service: 'neutron', method: 'POST', path: '/floatingips' },
  associateFloatingIp: { service: 'neutron', method: 'PUT', path: '/floatingips/' },
  deleteFloatingIp: { service: 'neutron', method: 'DELETE', path: '/floatingips/' },
  deleteServer: { service: 'nova', method: 'DELETE', path: '/servers/' },
  deletePort: { service: 'neutron', method: 'DELETE', path: '/ports/' },
  shelve: ACTION,
  shelveOffload: ACTION,
  unshelve: ACTION,
  lock: ACTION,
  unlock: ACTION,
  resetState: ACTION,
  snapshot: ACTION,
};
