import type { CloudReadiness } from '../../src/openstack/readiness/readiness.ts';

/** For clouds behind whose addresses nothing answers. */
export const READY_AT_ONCE: CloudReadiness = {
  probe: async () => ({ ready: true }),
  phoneHomeUrl: () => null,
};
