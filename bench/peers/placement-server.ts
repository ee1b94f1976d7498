/**
 * OpenStack Placement as Debian packages it: its WSGI application behind uWSGI with the options of Debian's
 * service, on MariaDB. Tuned for this machine: see `docs/operate/comparisons.md` for what was tried.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { providePackages, versionsOf } from './packages.ts';
import { CARDS_PER_HOST } from '../service.ts';
import { GPU_RESOURCE, GPU_TRAIT, HOST_CAPACITY, PlacementApi } from './placement-client.ts';
import { freePort, untilTrue, type Daemon, type Stage } from './stage.ts';

export const PLACEMENT_PROGRAMS = {
  '/usr/bin/placement-api': 'python3-placement',
  '/usr/bin/uwsgi': 'uwsgi-core',
  '/usr/lib/uwsgi/plugins/python3_plugin.so': 'uwsgi-plugin-python3',
  '/usr/sbin/mariadbd': 'mariadb-server-core',
  '/usr/bin/mariadb': 'mariadb-client-core',
};

const START_MS_MAX = 120_000;
/** Hosts are written by so many clients at once. */
const WRITERS = 8;

export interface PlacementServer {
  readonly url: string;
  readonly versions: string;
  /** Of uWSGI and of MariaDB, for their use of the processor. */
  readonly pids: readonly number[];
  /** Adds hosts with 8 GPUs each until there are so many. */
  grow(hosts: number): Promise<void>;
}

/** Installs what is missing, or says how. The server ends with the stage. */
export async function startPlacement(stage: Stage): Promise<PlacementServer> {
  providePackages('placement', PLACEMENT_PROGRAMS);
  const database = await startDatabase(stage);
  const etc = stage.path('etc');
  mkdirSync(etc);
  writeFileSync(stage.path('etc', 'placement.conf'), placementConf(stage));
  await stage.run('placement-manage', ['--config-file', stage.path('etc', 'placement.conf'), 'db', 'sync']);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  writeFileSync(stage.path('uwsgi.ini'), uwsgiIni(port));
  const env = { OS_PLACEMENT_CONFIG_DIR: etc };
  const daemon = stage.start('uwsgi', 'uwsgi', ['--ini', stage.path('uwsgi.ini')], { env });
  await untilTrue(() => answers(url), { what: 'Placement to answer', withinMs: START_MS_MAX, daemon });
  const api = new PlacementApi(url, WRITERS);
  stage.onClose(() => api.close());
  await api.must('PUT', `/resource_classes/${GPU_RESOURCE}`);
  await api.must('PUT', `/traits/${GPU_TRAIT}`);
  let made = 0;
  return {
    url,
    versions: await versionsOf(['python3-placement', 'uwsgi-core', 'mariadb-server-core']),
    pids: [daemon.pid, database.pid],
    async grow(hosts) {
      const write = async (): Promise<void> => {
        while (made < hosts) await addHost(api, made++);
      };
      await Promise.all(Array.from({ length: WRITERS }, write));
    },
  };
}

async function startDatabase(stage: Stage): Promise<Daemon> {
  const socket = stage.path('mariadb.sock');
  const conf = stage.path('my.cnf');
  // A commit waits for the disk, as InnoDB does by default and as Berth's commits do. No TCP: less to do.
  const lines = [
    '[mariadbd]',
    `datadir = ${stage.path('mariadb')}`,
    `socket = ${socket}`,
    `user = ${process.getuid?.() === 0 ? 'root' : ''}`,
    'skip-networking',
    'character-set-server = utf8mb3',
    'transaction-isolation = READ-COMMITTED',
    'innodb_flush_log_at_trx_commit = 1',
    'innodb_buffer_pool_size = 1G',
    'performance_schema = off',
    'max_connections = 400',
  ];
  writeFileSync(conf, lines.filter((line) => !line.endsWith('= ')).join('\n'));
  const install = [`--defaults-file=${conf}`, '--auth-root-authentication-method=normal', '--skip-test-db'];
  await stage.run('mariadb-install-db', install);
  const daemon = stage.start('mariadbd', 'mariadbd', [`--defaults-file=${conf}`]);
  const ask = (sql: string): Promise<string> =>
    stage.run('mariadb', ['--no-defaults', `--socket=${socket}`, '--user=root', `--execute=${sql}`]);
  const accepts = (): Promise<boolean> =>
    ask('SELECT 1').then(
      () => true,
      () => false,
    );
  await untilTrue(accepts, { what: 'MariaDB to answer', withinMs: START_MS_MAX, daemon });
  await ask('CREATE DATABASE placement CHARACTER SET utf8mb3');
  return daemon;
}

/** No token is looked at, which spares Placement what Berth does for each request. */
function placementConf(stage: Stage): string {
  const socket = encodeURIComponent(stage.path('mariadb.sock'));
  return [
    '[DEFAULT]',
    `log_file = ${stage.path('placement.log')}`,
    'default_log_levels = placement=WARN,sqlalchemy=WARN',
    '[api]',
    'auth_strategy = noauth2',
    '[placement_database]',
    `connection = mysql+pymysql://root@localhost/placement?charset=utf8&unix_socket=${socket}`,
    '',
  ].join('\n');
}

/**
 * Those of /etc/placement/placement-api-uwsgi.ini, but for threads: processes that share an interpreter lock
 * among many were slower. Two processes per core, as that file advises.
 */
function uwsgiIni(port: number): string {
  return [
    '[uwsgi]',
    'plugins = python3',
    'wsgi-file = /usr/bin/placement-api',
    `http-socket = 127.0.0.1:${port}`,
    `processes = ${2 * availableParallelism()}`,
    'threads = 1',
    'enable-threads = true',
    'listen = 100',
    'buffer-size = 65535',
    'master = true',
    'thunder-lock = true',
    'lazy-apps = true',
    'no-orphans = true',
    'die-on-term = true',
    'http-auto-chunked = true',
    'http-chunked-input = true',
    'http-raw-body = true',
    'wsgi-manage-chunked-input = true',
    'rem-header = Content-Length',
    'add-header = Connection: close',
    'disable-logging = true',
    '',
  ].join('\n');
}

/** GPUs on the host itself, a flat tree: the layout that Placement is fastest with. */
async function addHost(api: PlacementApi, index: number): Promise<void> {
  const uuid = providerId(index);
  await api.must('POST', '/resource_providers', { name: `gpu-${index}`, uuid });
  await api.must('PUT', `/resource_providers/${uuid}/inventories`, {
    resource_provider_generation: 0,
    inventories: inventoriesOf({ ...HOST_CAPACITY, [GPU_RESOURCE]: CARDS_PER_HOST }),
  });
  await api.must('PUT', `/resource_providers/${uuid}/traits`, {
    resource_provider_generation: 1,
    traits: [GPU_TRAIT],
  });
}

export function inventoriesOf(totals: Readonly<Record<string, number>>): object {
  return Object.fromEntries(
    Object.entries(totals).map(([name, total]) => [name, { total, max_unit: total }]),
  );
}

function providerId(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}
