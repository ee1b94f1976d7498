import type { ProjectId } from '../base/ids.ts';
import type { Role } from './model/token.ts';

/** Who gives a command or asks. `system` is a part of Berth itself, by name. */
export type Actor =
  | {
      readonly kind: 'user';
      readonly userId: string;
      readonly projectId: ProjectId;
      readonly role: Role;
    }
  | { readonly kind: 'system'; readonly name: string };

/** As it stands in the audit log: `user:<id>@<project>` or `system:<name>`. */
export function actorName(actor: Actor): string {
  return actor.kind === 'user' ? `user:${actor.userId}@${actor.projectId}` : `system:${actor.name}`;
}
