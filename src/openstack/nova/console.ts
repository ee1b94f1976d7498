import { z } from 'zod';
import { ProviderError } from '../../engine/ports.ts';
import type { OpenStackSession } from '../session.ts';
import { NOVA_MICROVERSION } from './microversion.ts';

/** What a server has written to its console; `unsupported`: its hypervisor keeps no such log. */
export type Console =
  | { readonly kind: 'text'; readonly text: string }
  /** It is not on a host yet. */
  | { readonly kind: 'not_yet' }
  /** It is gone, or has no console at all. */
  | { readonly kind: 'none' }
  | { readonly kind: 'unsupported' };

/** cloud-init's last words are followed by a login prompt and by little else. */
const LINES = 200;

/**
 * `POST /servers/{id}/action` `os-getConsoleOutput` (2.87), expects 200: the newest lines of the console.
 * 404: no such server or console, 409: it is not on a host, 501: the driver has no log. Default policy:
 * readers of its project, and admins. Source: nova 26.2.2, nova/api/openstack/compute/console_output.py.
 */
export async function readConsole(session: OpenStackSession, serverId: string): Promise<Console> {
  const reply = z.object({ output: z.string().nullable() });
  try {
    const { output } = await session.send({
      service: 'compute',
      method: 'POST',
      path: `/servers/${encodeURIComponent(serverId)}/action`,
      microversion: NOVA_MICROVERSION,
      body: { 'os-getConsoleOutput': { length: LINES } },
      expect: [200],
      reply,
    });
    return { kind: 'text', text: output ?? '' };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    switch (error.code) {
      case 'not_found':
        return { kind: 'none' };
      case 'conflict':
        return { kind: 'not_yet' };
      case 'unsupported':
        return { kind: 'unsupported' };
      default:
        throw error;
    }
  }
}
