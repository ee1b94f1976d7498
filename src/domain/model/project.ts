import type { ProjectId } from '../../base/ids.ts';

/** Who shares the GPUs. Quotas are upper limits on what is held at one moment; null: no limit. */
export interface Project {
  readonly id: ProjectId;
  readonly name: string;
  readonly quota: { readonly gpus: number | null; readonly leases: number | null };
  /**
   * When the queue last served this project, as a counter over all grants (0: never). The smallest is next:
   * this is the whole state of the round-robin, so it is stored with the grant.
   */
  readonly servedSeq: number;
}
