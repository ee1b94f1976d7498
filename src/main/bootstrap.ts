/** What a server needs besides its parts: ids, the first token, the projects of the configuration. */
import { randomBytes, randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { asId, type Ids } from '../base/ids.ts';
import { deepEqual } from '../base/json.ts';
import { NO_LIMITS, type Limits, type ProjectLimits } from '../domain/model/limits.ts';
import { DAY_MS } from '../base/units.ts';
import type { ControllerOptions } from '../controllers/controllers.ts';
import type { Engine } from '../engine/engine.ts';
import { hashSecret } from '../engine/service.ts';
import type { Config } from './config.ts';

/** Ids made within so long of each other begin alike: about one group commit. */
const NEIGHBOURS_MS = 20;
/** Short enough that a few characters more tell neighbours apart where somebody types the beginning. */
const SHARED_CHARACTERS = 4;

/**
 * Random UUIDs (version 4). Those that are made at nearly the same time share their first 16 bits, which
 * are random too: what is written together then lies together in every tree of the store that is ordered by
 * id, and a commit touches a few pages of it instead of one for each row.
 */
export function randomIds(clock: Clock): Ids {
  let shared = '';
  let untilMs = Number.NEGATIVE_INFINITY;
  return {
    next() {
      const id = randomUUID();
      const nowMs = clock.monotonicMs();
      if (nowMs >= untilMs) {
        shared = id.slice(0, SHARED_CHARACTERS);
        untilMs = nowMs + NEIGHBOURS_MS;
      }
      return shared + id.slice(SHARED_CHARACTERS);
    },
  };
}

/**
 * On a store without any token: an admin token for the first day. null: there are tokens, or none is
 * needed.
 */
export async function bootstrapToken(engine: Engine, demo: boolean): Promise<string | null> {
  if (demo || engine.world.tokens.size > 0) return null;
  const secret = `berth_${randomBytes(32).toString('base64url')}`;
  const nowMs = engine.nowMs();
  const outcome = await engine.command('bootstrap', {
    type: 'token.create',
    token: {
      id: asId(randomUUID()),
      name: 'bootstrap',
      secretHash: hashSecret(secret),
      projectId: asId('admin'),
      role: 'admin',
      createdAtMs: nowMs,
      createdBy: 'system:bootstrap',
      expiresAtMs: nowMs + DAY_MS,
    },
  });
  return outcome.ok ? secret : null;
}

/** Limits of the configuration win over what was set by hand: the file is what operators keep. */
export async function syncProjects(engine: Engine, projects: Config['projects']): Promise<void> {
  for (const project of projects) {
    const { id, name = id, per_user: perUser, users, ...limits } = project;
    const wanted: ProjectLimits = {
      limits: limitsOfConfig(limits),
      perUser: limitsOfConfig(perUser),
      users: Object.fromEntries(Object.entries(users).map(([user, own]) => [user, someLimitsOfConfig(own)])),
    };
    const known = engine.world.projects.get(asId(id));
    if (known !== undefined && deepEqual(known, { ...known, name, ...wanted })) continue;
    await engine.command('config', { type: 'project.set', projectId: asId(id), name, ...wanted });
  }
}

type ConfiguredLimits = Config['projects'][number]['per_user'];

/** What the file does not name is no limit. */
function limitsOfConfig(configured: ConfiguredLimits): Limits {
  return { ...NO_LIMITS, ...someLimitsOfConfig(configured) };
}

/** What the file does not name is left out. */
function someLimitsOfConfig(configured: ConfiguredLimits): Partial<Limits> {
  const {
    gpus,
    gpus_by_class: gpusByClass,
    leases,
    gpu_hours: hours,
    max_duration: durationMs,
    queued,
  } = configured;
  return {
    ...(gpus !== undefined && { gpus }),
    ...(gpusByClass !== undefined && { gpusByClass }),
    ...(leases !== undefined && { leases }),
    ...(hours !== undefined && { gpuHoursPerMonth: hours }),
    ...(durationMs !== undefined && { durationMs }),
    ...(queued !== undefined && { queued }),
  };
}

const CONFIGURED = 'the configuration says so';

/**
 * Brings the mode that the store keeps in line with the configuration. `act` there lifts what the
 * configuration had said before, but not an `observe` that Berth chose itself before an empty store: only an
 * operator who asks for it at this start (`isActAsked`, from `--mode act`) does.
 */
export async function syncMode(engine: Engine, mode: Config['mode'], isActAsked: boolean): Promise<void> {
  const kept = engine.world.control.mode;
  if (mode === 'observe') {
    await engine.command('config', {
      type: 'service.mode',
      mode: { kind: 'observe', reason: CONFIGURED },
    });
  } else if (kept.kind === 'observe' && (isActAsked || kept.reason === CONFIGURED)) {
    await engine.command('config', { type: 'service.mode', mode: { kind: 'act' } });
  }
}

/**
 * For crash tests of the real process: with `BERTH_PAUSE_POINT=<point>[:<n>]` it says on stderr when it has
 * come to that point for the nth time and waits there for its end.
 */
export function pausePoints(): Pick<ControllerOptions, 'onPoint'> {
  const wanted = process.env['BERTH_PAUSE_POINT'];
  if (wanted === undefined || wanted === '') return {};
  const [point, nth = '1'] = wanted.split(':');
  let left = Number(nth);
  return {
    onPoint: async (reached) => {
      if (reached !== point || --left !== 0) return;
      writeSync(2, `paused at ${reached}\n`);
      await new Promise<never>(() => undefined);
    },
  };
}
