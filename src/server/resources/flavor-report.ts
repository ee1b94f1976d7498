import type { FastifyInstance } from 'fastify';
import { routes } from '../../api/routes.ts';
import type { FlavorGpuList } from '../../api/capacity.ts';
import type { Clock } from '../../base/clock.ts';
import type { EnginePort } from '../../engine/views.ts';
import { fastifyPath } from '../dispatch.ts';
import type { ServerOptions } from '../options.ts';
import { flavorReport } from '../present/capacity.ts';
import { Problem } from '../problem.ts';

/**
 * Byte for byte what deNBI/OpenstackGPUService answers, with its spelling (`default_controller.py` at
 * bb79e85).
 */
const UNKNOWN_FLAVOR = '{"message":"Unkown flavor id!"}';

/** A new observation without a commit shows up after this time; commits show up at once. */
const CACHE_MS = 1000;

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * The public GPU flavor report. Portals poll it, so a reply is the text that was made once per revision: no
 * authentication, no parsing, no serialization on the way.
 */
export function flavorReportRoutes(app: FastifyInstance, options: ServerOptions): void {
  const cache = createReportCache(options.engine, options.clock);

  app.get(routes.listFlavorGpus.path, (_request, reply) => {
    reply.header('content-type', JSON_TYPE).send(cache.newest().list);
  });

  app.get<{ Params: { readonly id: string } }>(fastifyPath(routes.getFlavorGpu.path), (request, reply) => {
    const { byId, unknown } = cache.newest();
    const one = byId.get(request.params.id);
    const reason = unknown.get(request.params.id);
    if (one === undefined && reason !== undefined) throw unavailable(reason);
    reply
      .code(one === undefined ? 404 : 200)
      .header('content-type', JSON_TYPE)
      .send(one ?? UNKNOWN_FLAVOR);
  });
}

interface Report {
  readonly list: string;
  readonly byId: ReadonlyMap<string, string>;
  /** Why there are no numbers, by the id of a flavor. */
  readonly unknown: ReadonlyMap<string, string>;
}

/**
 * Keeps the serialized report until the next commit, at most a second. Throws a Problem where nothing is
 * known yet.
 */
function createReportCache(engine: EnginePort, clock: Clock): { newest(): Report } {
  let kept: { readonly revision: number; readonly madeAtMs: number; readonly report: Report } | null = null;
  return {
    newest() {
      const { revision } = engine;
      const nowMs = clock.monotonicMs();
      if (kept !== null && kept.revision === revision && nowMs - kept.madeAtMs < CACHE_MS) return kept.report;
      const { flavors, leftOut, unpublished, observedAtMs } = engine.publicFlavors();
      if (observedAtMs === null) {
        const reasons = [...unpublished.values()];
        throw unavailable(reasons.length === 0 ? 'no cloud was observed yet' : reasons.join('; '));
      }
      const unknown = new Map(
        leftOut.map(({ flavor }) => [flavor.externalId, unpublished.get(flavor.providerId) ?? '']),
      );
      const report = { ...serialize(flavorReport(flavors, observedAtMs)), unknown };
      kept = { revision, madeAtMs: nowMs, report };
      return report;
    },
  };
}

function unavailable(detail: string): Problem {
  return new Problem('no_observation', { detail, headers: { 'retry-after': '5' } });
}

function serialize(report: FlavorGpuList): Pick<Report, 'list' | 'byId'> {
  const { flavors, timestamp } = report;
  const one = (flavor: (typeof flavors)[number]): string => JSON.stringify({ flavor, timestamp });
  return {
    list: JSON.stringify(report),
    // Where several clouds use one id, the first in the list is meant.
    byId: new Map(flavors.toReversed().map((flavor) => [flavor.flavor_openstack_id, one(flavor)])),
  };
}
