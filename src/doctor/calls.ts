import { ProviderError } from '../engine/ports.ts';
import type { ServiceType } from '../openstack/catalog.ts';
import type { CallFailure } from './facts.ts';

/** Makes calls one by one for an examination: one that fails becomes a fact, and the rest goes on. */
export interface Calls {
  readonly failures: readonly CallFailure[];
  /** null: it failed, and the failure is noted. Rejects only for bugs of ours. */
  read<T>(service: ServiceType, what: string, call: () => Promise<T>): Promise<T | null>;
}

export function createCalls(say: (text: string) => void): Calls {
  const failures: CallFailure[] = [];
  return {
    failures,
    async read(service, what, call) {
      say(`reading ${what}`);
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        failures.push(failureFact(service, what, error));
        return null;
      }
    },
  };
}

export function failureFact(service: ServiceType, what: string, error: ProviderError): CallFailure {
  return { service, what, code: error.code, message: error.message, systemCode: systemCodeOf(error) };
}

/** undici wraps what the system said: TypeError `fetch failed`, whose cause has the code. */
function systemCodeOf(error: ProviderError): string | null {
  let cause: unknown = error.cause;
  for (let depth = 0; depth < 3 && cause instanceof Error; depth++) {
    if ('code' in cause && typeof cause.code === 'string') return cause.code;
    cause = cause.cause;
  }
  return null;
}
