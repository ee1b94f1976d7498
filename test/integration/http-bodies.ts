import type { OperationId } from '../../src/api/routes.ts';

/** A valid body for each operation that has one; null for the others. */
export function validBody(operationId: string, flavor: string, host: string): object | null {
  const bodies: Partial<Record<OperationId, object>> = {
    createLease: { flavor, duration: '1h' },
    extendLease: { duration: '1h' },
    unshelveLease: {},
    keepLease: { duration: '1d' },
    setTicket: { ticket: null },
    adoptLease: {
      name: 'found',
      project_id: 'demo',
      owner_id: 'ann',
      flavor,
      host,
      server_id: 'server-1',
      connection: { host: '192.0.2.7', user: 'debian' },
      duration: '1h',
    },
    drainHost: { reason: 'test' },
    renderProfiles: { profiles: [{ name: 'cuda' }] },
    explain: { flavor, duration: '1h' },
    freeze: { reason: 'test' },
    takeOver: { deployment_id: 'd0d0d0d0d0d0' },
    putProject: {},
    grantProject: { project: 'demo' },
    createToken: { name: 'test', role: 'reader' },
  };
  return Object.entries(bodies).find(([id]) => id === operationId)?.[1] ?? null;
}
