import { routes } from '../../api/routes.ts';
import type { Register } from '../dispatch.ts';
import type { ServerOptions } from '../options.ts';
import { findingToJson, freezeToJson, statusToJson } from '../present/admin.ts';
import { found } from '../problem.ts';

export function operationRoutes(register: Register, options: ServerOptions): void {
  const { engine, version, openAs } = options;

  register('getStatus', routes.getStatus, ({ session, caller, cloud }) =>
    statusToJson(session.status(), caller, { version, ready: engine.ready(), open: openAs !== null, cloud }),
  );

  register('getFreeze', routes.getFreeze, ({ session }) => ({
    freeze: freezeToJson(session.status().control),
  }));

  register('freeze', routes.freeze, async ({ session, body, submit }) => {
    await submit({ type: 'service.freeze', reason: body.reason });
    return { freeze: freezeToJson(session.status().control) };
  });

  register('thaw', routes.thaw, async ({ session, submit }) => {
    await submit({ type: 'service.thaw' });
    return { freeze: freezeToJson(session.status().control) };
  });

  register('takeOver', routes.takeOver, async ({ session, body, submit }) => {
    await submit({ type: 'service.takeOver', deploymentId: body.deployment_id });
    return { deployment_id: session.status().control.deploymentId };
  });

  register('listFindings', routes.listFindings, ({ session }) => ({
    findings: found(session.findings()).map(findingToJson),
  }));
}
