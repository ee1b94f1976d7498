import type { ProjectId, ProviderId } from '../base/ids.ts';
import type { Role } from './model/token.ts';

/** Who gives a command or asks. `system` is a part of Berth itself, by name. */
export type Actor =
  | {
      readonly kind: 'user';
      readonly userId: string;
      readonly projectId: ProjectId;
      readonly role: Role;
      /**
       * Given with the role admin where it reaches no further than the cloud whose Keystone gave it: then its
       * holder is an admin of what belongs to that cloud, and a manager of the own project.
       */
      readonly adminOf?: ProviderId;
    }
  | { readonly kind: 'system'; readonly name: string };

/** As it stands in the audit log: `user:<id>@<project>` or `system:<name>`. */
export function actorName(actor: Actor): string {
  return actor.kind === 'user' ? `user:${actor.userId}@${actor.projectId}` : `system:${actor.name}`;
}
