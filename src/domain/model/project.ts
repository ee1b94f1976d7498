import type { ProjectId } from '../../base/ids.ts';
import { NO_PROJECT_LIMITS, type ProjectLimits } from './limits.ts';

/** Who shares the GPUs. */
export interface Project extends ProjectLimits {
  readonly id: ProjectId;
  readonly name: string;
  /**
   * When the queue last served this project, as a counter over all grants (0: never). The smallest is next:
   * this is the whole state of the round-robin, so it is stored with the grant.
   */
  readonly servedSeq: number;
}

/** A project that nobody has said anything about. */
export function newProject(id: ProjectId, name: string): Project {
  return { id, name, ...NO_PROJECT_LIMITS, servedSeq: 0 };
}
