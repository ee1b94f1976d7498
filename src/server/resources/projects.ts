import { asId, type ProjectId } from '../../base/ids.ts';
import { refuse } from '../../domain/decision.ts';
import type { Session } from '../../engine/views.ts';
import { found, refused } from '../problem.ts';

/**
 * The project that is meant: by id, else by the name that exactly one known project has. What nobody knows
 * goes on as an id: the engine says what comes of it.
 */
export function projectIdOf(session: Session, idOrName: string): ProjectId {
  const projects = found(session.projects());
  if (projects.some(({ id }) => id === idOrName)) return asId(idOrName);
  const named = projects.filter(({ name }) => name === idOrName);
  const [only] = named;
  if (named.length <= 1) return only?.id ?? asId(idOrName);
  const ids = named.map(({ id }) => id).join(', ');
  throw refused(
    refuse(
      'invalid',
      `${named.length} projects are named '${idOrName}'.`,
      `Give the id, one of ${ids}.`,
      'projectId',
    ).refusal,
  );
}
