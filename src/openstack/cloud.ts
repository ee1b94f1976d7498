import type { Clock } from '../base/clock.ts';
import type { ProviderId } from '../base/ids.ts';
import type { Cloud } from '../engine/clouds.ts';
import { createGrants, type GrantOptions } from './grants.ts';
import type { Fetch } from './http.ts';
import { createTokenValidator } from './keystone/validation.ts';

export interface CloudOptions extends GrantOptions {
  readonly id: ProviderId;
  /** As callers reach it. */
  readonly authUrl: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** See `TokenValidatorOptions`. */
  readonly rememberedMsMax?: number;
}

/** An OpenStack cloud as the doors see it: it knows its users, and its projects. */
export function createCloud(options: CloudOptions): Cloud {
  const { id, authUrl } = options;
  const validator = createTokenValidator({ ...options, providerId: id });
  const grants = createGrants(options);
  return {
    id,
    authUrl,
    remembered: (token, ageMsMax) => validator.remembered(token, ageMsMax),
    validate: (token, ageMsMax) => validator.validate(token, ageMsMax),
    whyNoGrants: grants.whyNone,
    grantedProjects: () => grants.list(),
    findProject: (project, domain) => grants.find(project, domain),
    grant: (project) => grants.add(project),
    revoke: (project) => grants.remove(project),
  };
}
