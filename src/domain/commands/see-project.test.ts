import { expect, test } from 'vitest';
import { execute } from '../decide.ts';
import { T0, limited, project, world } from '../../../test/support/worlds.ts';

test('a project takes the name that its cloud gives it, and keeps its limits and its turn', () => {
  const w = world([], []);
  const projectId = project('e3db');
  const see = (name: string) => execute(w, { type: 'project.seen', projectId, name }, T0, 'test').decision;
  expect(see('demo')).toMatchObject({ kind: 'decided', events: [{ type: 'project.created' }] });
  execute(w, { type: 'project.set', projectId, name: 'demo', ...limited({ gpus: 4 }) }, T0, 'test');
  expect(see('demo')).toMatchObject({ changes: [], events: [] });
  expect(see('lab')).toMatchObject({ events: [{ type: 'project.renamed', data: { name: 'lab' } }] });
  const kept = { id: projectId, name: 'lab', ...limited({ gpus: 4 }), servedSeq: 0 };
  expect(w.projects.get(projectId)).toEqual(kept);
});
