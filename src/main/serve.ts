/**
 * `berth serve`: puts the pieces together and takes them apart again. The one place that constructs
 * adapters.
 */
import { pino } from 'pino';
import { sleep, systemClock } from '../base/clock.ts';
import { asId, type Ids } from '../base/ids.ts';
import { createPrng } from '../base/prng.ts';
import type { ServeOptions } from '../cli/io.ts';
import { startControllers, type Controllers } from '../controllers/controllers.ts';
import { Engine } from '../engine/engine.ts';
import type { EngineError } from '../engine/engine-types.ts';
import { Service } from '../engine/service.ts';
import type { ProviderStatus } from '../engine/views.ts';
import { createCatalogue } from '../profiles/catalogue.ts';
import type { Logger } from '../server/log/catalogue.ts';
import { createLogger } from '../server/log/json-lines.ts';
import type { UserActor } from '../server/options.ts';
import { createServer, type BerthServer } from '../server/server.ts';
import type { TlsMaterial } from '../server/tls.ts';
import { bootstrapToken, pausePoints, randomIds, syncMode, syncProjects } from './bootstrap.ts';
import { settingsOf, type Config } from './config.ts';
import { DEMO_POLL_MS } from './demo.ts';
import { ownProfiles } from './profiles.ts';
import { openProviders } from './providers.ts';
import { listenAddresses, listenOn } from './listen.ts';
import { createPhoneHome } from './phone-home.ts';
import { resolveOptions } from './options.ts';
import { secretKey } from './secret-key.ts';
import { untilSignal } from './signals.ts';
import { openStore, type OpenedStore } from './store.ts';
import { openTlsFiles } from './tls-files.ts';
import { VERSION } from './version.ts';

/** Who everybody is in the demo. */
const DEMO_ACTOR: UserActor = { kind: 'user', userId: 'demo', projectId: asId('demo'), role: 'admin' };
/** How long requests under way may take when the server is told to stop. */
const CLOSE_MS_MAX = 8000;
/** How long the greeting waits for the first look at the clouds: healthy ones are read in less. */
const FIRST_LOOK_MS_MAX = 5000;
const FIRST_LOOK_POLL_MS = 20;

interface Running {
  readonly opened: OpenedStore;
  readonly engine: Engine;
  /** Resolves when the engine stops by itself, with the reason. */
  readonly engineStopped: Promise<EngineError>;
  readonly controllers: Controllers;
  readonly server: BerthServer;
  readonly simulatedUrl: string | null;
  readonly closeProviders: () => Promise<void>;
}

/**
 * Serves until SIGINT or SIGTERM; resolves with the exit code. Rejects with ServeFailure for what the
 * operator can mend.
 */
export async function serve(options: ServeOptions, say: (line: string) => void): Promise<number> {
  const config = await resolveOptions(options);
  const demo = options.demo;
  const addresses = listenAddresses(config, demo);
  // The demo is for people who look at its terminal; what they ask for is shown there.
  const logging =
    demo && config.log.level === 'info' ? { ...config.log, level: 'warn' as const } : config.log;
  const logger = createLogger(logging, pino.destination(2));
  const tls = config.tls && (await openTlsFiles(config.tls, { clock: systemClock, logger }));
  const running = await start(config, options, logger, tls?.material ?? null);
  tls?.follow((material) => running.server.setTls(material));
  try {
    const urls = await listenOn(running.server, addresses, Number.parseInt(config.socket_mode, 8));
    logger.log('serving', { version: VERSION, listeners: urls.join(' ') });
    const url = urls.join(' and ');
    await firstLook(running.controllers);
    for (const line of running.controllers.providers().flatMap(accountLines)) say(line);
    const { place, warnings } = running.opened;
    for (const line of greeting({ url, config, demo, place }, await bootstrapToken(running.engine, demo))) {
      say(line);
    }
    for (const warning of warnings) say(`Warning: ${warning}.`);
    if (running.simulatedUrl !== null) {
      say(`The simulated cloud is at ${running.simulatedUrl}; /_sim/state there shows what it holds.`);
    }
    const failure = await Promise.race([
      untilSignal(tls && (() => void tls.reload())),
      running.engineStopped,
    ]);
    if (failure !== null) {
      // The supervisor starts it anew, or tells somebody: a process that only refuses helps nobody.
      logger.log('stopping', { reason: failure.message });
      say(`Stopping: ${failure.message}.`);
      return 1;
    }
    logger.log('stopping', { reason: 'it was told to' });
    say('Stopping; leases go on, and are looked after again at the next start.');
    return 0;
  } finally {
    tls?.stop();
    await stop(running);
  }
}

/** What fails here closes again what was opened: a process that does not serve must end. */
async function start(
  config: Config,
  options: ServeOptions,
  logger: Logger,
  tls: TlsMaterial | null,
): Promise<Running> {
  const closers: Closer[] = [];
  try {
    return await open({ config, options, logger, tls }, closers);
  } catch (error) {
    for (const close of closers.toReversed()) await close();
    throw error;
  }
}

type Closer = () => Promise<void> | void;

interface Parts {
  readonly config: Config;
  readonly options: ServeOptions;
  readonly logger: Logger;
  readonly tls: TlsMaterial | null;
}

async function open({ config, options, logger, tls }: Parts, closers: Closer[]): Promise<Running> {
  const clock = systemClock;
  const ids: Ids = randomIds(clock);
  const opened = await openStore(config, { clock, ids });
  const { store } = opened;
  closers.push(() => store.close());
  for (const reason of opened.warnings) logger.log('store_doubtful', { place: opened.place, reason });
  const profiles = createCatalogue(await ownProfiles(config.profiles, options.configPath));
  const phoneHome = createPhoneHome(await secretKey(config.data), config.public_url);
  const stopped = Promise.withResolvers<EngineError>();
  const onError = (error: Error): void => logger.log('engine_failed', { err: error });
  const engine = await Engine.open({
    store,
    clock,
    prng: createPrng(Date.now() | 0),
    ids,
    settings: settingsOf(config),
    hooks: {
      onError,
      onRolledBack: (reason) => logger.log('store_rolled_back', { reason }),
      onStop: (error) => stopped.resolve(error),
    },
  });
  closers.push(() => engine.stop());
  const providers = await openProviders(config, {
    clock,
    deploymentId: () => engine.world.control.deploymentId,
    tokenCacheMs: config.token_cache,
    phoneHomeUrl: phoneHome.url,
    profiles,
  });
  closers.push(() => providers.close());
  await syncProjects(engine, config.projects);
  await syncMode(engine, config.mode, options.mode === 'act');
  const controllers = startControllers(engine, providers.list, {
    pollIntervalMs: options.demo ? DEMO_POLL_MS : config.poll_interval,
    actOnEmptyStore: options.mode === 'act',
    retention: { leasesMs: config.retention.leases, eventsMs: config.retention.events },
    ...pausePoints(),
    onBug: (error) => logger.log('controller_failed', { err: error }),
  });
  closers.push(() => controllers.stop());
  const limit = config.rate_limit;
  const server = await createServer({
    engine: new Service({ engine, outside: controllers }),
    logger,
    clock,
    ids,
    version: VERSION,
    openAs: options.demo ? DEMO_ACTOR : null,
    clouds: providers.clouds,
    profiles,
    shareTokens: config.share_tokens,
    ...(config.admin_clouds !== null && { adminClouds: config.admin_clouds }),
    isMachineOf: (leaseId, secret) =>
      phoneHome.isValid(leaseId, engine.world.leases.get(asId(leaseId))?.refs.portId ?? null, secret),
    metricsNeedToken: config.metrics_need_token,
    rateLimit: limit && { perSecond: limit.per_second, burst: limit.burst },
    trustedProxies: config.trusted_proxies,
    tls,
  });
  const { simulatedUrl, close: closeProviders } = providers;
  return {
    opened,
    engine,
    engineStopped: stopped.promise,
    controllers,
    server,
    simulatedUrl,
    closeProviders,
  };
}

/**
 * Whoever reads that it serves may borrow at once; a cloud that cannot be seen is told by /readyz and
 * `berth status`.
 */
async function firstLook(controllers: Controllers): Promise<void> {
  for (
    let waitedMs = 0;
    waitedMs < FIRST_LOOK_MS_MAX && !controllers.ready();
    waitedMs += FIRST_LOOK_POLL_MS
  ) {
    await sleep(systemClock, FIRST_LOOK_POLL_MS);
  }
}

/** Doors first, then the hands, then the books. */
async function stop(running: Running): Promise<void> {
  const timeout = new Promise<void>((resolve) => {
    setTimeout(resolve, CLOSE_MS_MAX).unref();
  });
  await Promise.race([running.server.close(), timeout]);
  await running.controllers.stop();
  running.engine.stop();
  await running.opened.store.close();
  await running.closeProviders();
}

/** Who Berth is in a cloud, and what it may see there: the first thing to check when something is missing. */
function accountLines({ id, account, error }: ProviderStatus): readonly string[] {
  if (account === null) return error === null ? [] : [`Cloud ${id} cannot be seen: ${error}`];
  const { rights, missing, userName, projectName, ownership, placement } = account;
  const seen = rights === 'full' ? 'full rights' : `member rights (it may not read: ${missing.join(', ')})`;
  const where = projectName === null ? '' : ` in project ${projectName}`;
  return [
    `Cloud ${id}: ${seen} as user ${userName}${where}; ownership ${ownership}; placement ${placement}.`,
  ];
}

interface Served {
  readonly url: string;
  readonly config: Config;
  readonly demo: boolean;
  readonly place: string;
}

function greeting({ url, config, demo, place }: Served, token: string | null): readonly string[] {
  if (demo) {
    const hosts = config.simulated?.hosts ?? 0;
    return [
      `Berth lends GPUs at ${url} (demo: a simulated cloud with ${hosts * 2} V100; open to everybody on this machine).`,
      'Try: bin/berth flavor list · bin/berth borrow gpu_tiny --for 1h · bin/berth lease list · bin/berth return ID',
      `Look: ${url}/ (live numbers) · ${url}/ui/ (API) · docs/guide/first-lease.md · Ctrl-C stops; what it knows is kept in ${place}.`,
    ];
  }
  const lines = [`Berth ${VERSION} serves at ${url}; data in ${place}.`];
  if (token !== null) {
    lines.push(`First start: this admin token is shown once and ends in 24 h: ${token}`);
    lines.push(
      `Use it to make others: BERTH_TOKEN=… bin/berth token create --name NAME --role admin --expires 90d`,
    );
  }
  return lines;
}
