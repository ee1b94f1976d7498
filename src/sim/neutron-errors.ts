/** Neutron's error bodies. Source: neutron 21 (Zed), api/v2/resource.py; neutron-lib exceptions. */
import { Refused } from './http.ts';

function neutronErrorBody(type: string, message: string): unknown {
  return { NeutronError: { type, message, detail: '' } };
}

export function neutronError(status: number, type: string, message: string): Refused {
  return new Refused({ status, json: neutronErrorBody(type, message) });
}
