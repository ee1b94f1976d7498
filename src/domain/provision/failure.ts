import type { StepFailure } from '../command.ts';
import { unreachable } from '../../base/assert.ts';
import type { StepKind } from './sighting.ts';

/** How an outside call can fail; the codes of the engine's `ProviderError`. */
export type CallFailureCode =
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'quota'
  | 'bad_request'
  | 'rate_limited'
  | 'unavailable'
  | 'no_reply'
  | 'unsupported';

/**
 * What a failed call means for the lease. Only a `create…` can make the start hopeless: the cloud said no to
 * what the borrower asked for. Everything that takes away or changes is repeated until it works: an operator
 * is told by a finding, and a lease never stays held because we gave up.
 */
export function stepFailure(step: StepKind, code: CallFailureCode, message: string): StepFailure {
  return { code: `cloud_${code}`, message, next: next(step, code) };
}

function next(step: StepKind, code: CallFailureCode): StepFailure['next'] {
  switch (code) {
    case 'unauthorized':
    case 'rate_limited':
    case 'unavailable':
    case 'no_reply':
    case 'conflict':
      return 'again';
    case 'quota':
      // Another turn in the queue may find it freed; how many there are is bounded.
      if (step === 'unshelve') return 'other_host';
      return isCreation(step) ? 'final' : 'again';
    case 'forbidden':
    case 'not_found':
    case 'bad_request':
    case 'unsupported':
      return isCreation(step) ? 'final' : 'again';
    default:
      return unreachable(code);
  }
}

function isCreation(step: StepKind): boolean {
  return step === 'createPort' || step === 'createServer' || step === 'createFloatingIp';
}
