import { routes } from '../../api/routes.ts';
import { timeInPast } from '../../domain/commands/refusals.ts';
import type { Register } from '../dispatch.ts';
import type { ServerOptions } from '../options.ts';
import { explanationToJson, queueToJson } from '../present/waiting.ts';
import { found, refused } from '../problem.ts';
import { durationMs, requireReady, wantedOf } from './leases.ts';
import { projectIdOf } from './projects.ts';

export function waitingRoutes(register: Register, options: ServerOptions): void {
  register('getQueue', routes.getQueue, ({ session }) => queueToJson(session.queue()));

  register('explainLease', routes.explainLease, async ({ session, params }) => {
    const { lease } = found(await session.lease(params.id));
    return explanationToJson(found(session.explainLease(lease.id)));
  });

  register('explain', routes.explain, ({ session, caller, body, nowMs }) => {
    requireReady(options);
    const fromMs = body.from ?? null;
    if (fromMs !== null && fromMs <= nowMs)
      throw refused(timeInPast('from', fromMs, nowMs, 'Give a future time, or leave it out.').refusal);
    const query = {
      wanted: wantedOf(body),
      projectId: body.project_id ? projectIdOf(session, body.project_id) : caller.projectId,
      hostId: body.host ? found(session.host(body.host)).host.id : null,
      durationMs: durationMs(body) ?? 0,
      fromMs,
    };
    return explanationToJson(found(session.explain(query)));
  });
}
