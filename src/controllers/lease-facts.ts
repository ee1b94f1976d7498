import type { Lease, StartProgress } from '../domain/model/lease.ts';
import type { Goal, Step } from '../domain/provision/sighting.ts';

/** Where a lease is to be brought; null: it is there, or waits for something else than a provider. */
export function goalOf({ state }: Lease): Goal | null {
  switch (state.kind) {
    case 'starting':
      return 'running';
    case 'shelving':
      return 'shelved';
    case 'ending':
      return 'gone';
    case 'reserved':
    case 'queued':
    case 'active':
    case 'shelved':
    case 'ended':
      return null;
  }
}

/** Equal as long as a lease stays in one state. */
export function stateKeyOf({ state }: Lease): string {
  return `${state.kind}:${'sinceMs' in state ? state.sinceMs : ''}`;
}

/** What a starting lease shows after a step was made. */
export function progressAfter(step: Step): StartProgress | null {
  switch (step.kind) {
    case 'createPort':
      return 'network';
    case 'createServer':
    case 'unshelve':
      return 'building';
    case 'createFloatingIp':
      return 'address';
    case 'associateFloatingIp':
      return 'address';
    case 'deleteFloatingIp':
    case 'deleteServer':
    case 'deletePort':
    case 'shelve':
    case 'shelveOffload':
    case 'lock':
    case 'unlock':
    case 'resetState':
    case 'snapshot':
      return null;
  }
}
