import type { FindingId } from '../../base/ids.ts';

/** Something that an operator should look at; cleared when it is gone. */
export interface Finding {
  readonly id: FindingId;
  /** e.g. `orphan`, `foreign-deployment`, `shelve-failing`, `host-over-capacity`. */
  readonly code: string;
  /** What it is about: `lease/<id>`, `server/<id>`, `host/<id>` … */
  readonly subject: string;
  readonly message: string;
  readonly sinceMs: number;
}
