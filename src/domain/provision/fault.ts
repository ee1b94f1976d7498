import type { StepFailure } from '../command.ts';

/** Faults for which no other host would do better: what was asked for cannot be built at all. */
const HOPELESS_FAULT =
  /image .*(not found|could not be found|unacceptable|not active)|disk is too small|quota/i;
/** Nova's words (26.2.2: nova/exception.py NoValidHost, MaxRetriesExceeded) for "none of the hosts could". */
const NO_HOST_FAULT = /no valid host|exceeded maximum number of retries|exhausted all hosts/i;

/** What a server in ERROR, with Nova's fault message (null: none), means for the start. */
export function buildFailure(fault: string | null): StepFailure {
  if (fault === null)
    return { code: 'build_failed', message: 'the cloud could not build the server', next: 'other_host' };
  if (NO_HOST_FAULT.test(fault)) return { code: 'no_valid_host', message: fault, next: 'other_host' };
  return { code: 'build_failed', message: fault, next: HOPELESS_FAULT.test(fault) ? 'final' : 'other_host' };
}
