/** Berth's own account in a cloud, as the providers tell of it. */
import type { ProjectId } from '../base/ids.ts';

/** What the account may see: all that an administrator sees, or its own project alone. */
export type Rights = 'full' | 'member';

/** Berth's own account in a cloud, as it was found at the newest successful look. */
export interface CloudAccount {
  readonly userId: string;
  readonly userName: string;
  /** null: its credentials are not scoped to a project. */
  readonly projectId: ProjectId | null;
  readonly projectName: string | null;
  readonly roles: readonly string[];
  readonly rights: Rights;
  /** What it was not allowed to read, e.g. `hypervisors`; empty with full rights. */
  readonly missing: readonly string[];
  readonly ownership: Ownership;
  readonly placement: CloudPlacement;
}

export type Ownership = 'project' | 'trust' | 'service';
export type CloudPlacement = 'nova' | 'pinned';
