import { routes } from '../../api/routes.ts';
import type { Register } from '../dispatch.ts';
import { usageToJson } from '../present/usage.ts';
import { found } from '../problem.ts';
import { projectIdOf } from './projects.ts';

export function usageRoutes(register: Register): void {
  register('getUsage', routes.getUsage, async ({ session, query }) => {
    const report = await session.usage({
      from: query.from ?? null,
      until: query.to ?? null,
      by: query.group_by,
      projectId: query.project === undefined ? null : projectIdOf(session, query.project),
      ownerId: query.user ?? null,
      zone: query.zone ?? null,
    });
    return { usage: usageToJson(found(report), found(session.projects())) };
  });
}
