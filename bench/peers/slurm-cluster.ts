/**
 * Slurm as Debian packages it: munged, slurmctld, and one slurmd for each node, all on this machine. Nodes
 * have 8 GPUs, which are empty files. Tuned for throughput: see `docs/operate/comparisons.md`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { CARDS_PER_HOST } from '../service.ts';
import { providePackages, versionsOf } from './packages.ts';
import { freePort, freePortRange, untilTrue, type Daemon, type Stage } from './stage.ts';

const SLURM_PROGRAMS = {
  '/usr/sbin/slurmctld': 'slurmctld',
  '/usr/sbin/slurmd': 'slurmd',
  '/usr/bin/salloc': 'slurm-client',
  '/usr/sbin/munged': 'munge',
  '/usr/lib/x86_64-linux-gnu/perl5/5.36/Slurm.pm': 'libslurm-perl',
};
const CLIENT = fileURLToPath(new URL('slurm-client.pl', import.meta.url));
const START_MS_MAX = 60_000;
/** Each takes a tenth of a second of processor time to start; all at once would take the machine away. */
const STARTING_MAX = 25;
/** Jobs that ended are forgotten after so long; a long memory makes every look at jobs slow. */
const MIN_JOB_AGE_SECONDS = 2;

export interface SlurmCluster {
  readonly versions: string;
  /** Of the controller, for its use of the processor. */
  readonly controller: Daemon;
  /** Runs slurm-client.pl, and parses what it prints. */
  ask<Answer>(...args: readonly string[]): Promise<Answer>;
  /** Runs a program of Slurm. */
  command(program: string, ...args: readonly string[]): Promise<string>;
  /** What the controller has written so far. */
  log(): string;
}

/** Ready when all nodes are idle. Ends with the stage. */
export async function startSlurm(stage: Stage, nodes: number): Promise<SlurmCluster> {
  if (process.getuid?.() !== 0) throw new Error('slurm: slurmd has to run as root');
  providePackages('slurm', SLURM_PROGRAMS);
  const conf = await writeConfiguration(stage, nodes);
  // The times in its log are of this zone.
  const env = { SLURM_CONF: conf, TZ: 'UTC' };
  const munge = stage.start('munged', 'munged', mungeArgs(stage));
  await untilTrue(() => readable(stage.path('munge.pid')), {
    what: 'munged',
    withinMs: START_MS_MAX,
    daemon: munge,
  });
  const controller = stage.start('slurmctld', 'slurmctld', ['-D', '-f', conf], { env });
  const command = (program: string, ...args: readonly string[]): Promise<string> =>
    stage.run(program, args, { env });
  await untilTrue(() => isUp(command), {
    what: 'slurmctld to answer',
    withinMs: START_MS_MAX,
    daemon: controller,
  });
  const daemons: Daemon[] = [];
  while (daemons.length < nodes) {
    const from = daemons.length;
    const members = Array.from({ length: Math.min(STARTING_MAX, nodes - from) }, (_unused, index) => ({
      name: `slurmd-${nodeName(from + index)}`,
      command: 'slurmd',
      args: ['-D', '-N', nodeName(from + index), '-f', conf],
    }));
    daemons.push(...stage.startCrowd(members, { env }));
    await untilTrue(async () => (await idleNodes(command)) >= daemons.length, {
      what: `${daemons.length} idle nodes`,
      withinMs: START_MS_MAX,
      daemon: controller,
    });
  }
  return {
    versions: await versionsOf(['slurmctld', 'slurmd', 'munge']),
    controller,
    ask: async (...args) => JSON.parse(await command('perl', CLIENT, ...args)),
    command,
    log: () => readFileSync(stage.path('slurmctld.log'), 'utf8'),
  };
}

function nodeName(index: number): string {
  return `n${index}`;
}

async function writeConfiguration(stage: Stage, nodes: number): Promise<string> {
  for (const folder of ['state', 'spool', 'gpus']) mkdirSync(stage.path(folder));
  for (let gpu = 0; gpu < CARDS_PER_HOST; gpu++) writeFileSync(stage.path('gpus', `gpu${gpu}`), '');
  for (let node = 0; node < nodes; node++) mkdirSync(stage.path('spool', nodeName(node)));
  writeFileSync(stage.path('munge.key'), randomBytes(1024), { mode: 0o600 });
  const range = `n[0-${nodes - 1}]`;
  writeFileSync(
    stage.path('gres.conf'),
    `NodeName=${range} Name=gpu File=${stage.path('gpus')}/gpu[0-${CARDS_PER_HOST - 1}]\n`,
  );
  writeFileSync(stage.path('cgroup.conf'), '');
  const controllerPort = await freePort();
  const firstNodePort = await freePortRange(nodes);
  const conf = stage.path('slurm.conf');
  writeFileSync(conf, slurmConf(stage, { range, nodes, controllerPort, firstNodePort }));
  return conf;
}

function slurmConf(
  stage: Stage,
  options: {
    readonly range: string;
    readonly nodes: number;
    readonly controllerPort: number;
    readonly firstNodePort: number;
  },
): string {
  const { range, nodes, controllerPort, firstNodePort } = options;
  const lastNodePort = firstNodePort + nodes - 1;
  return [
    'ClusterName=bench',
    `SlurmctldHost=${hostname()}(127.0.0.1)`,
    `SlurmctldPort=${controllerPort}`,
    'SlurmUser=root',
    'SlurmdUser=root',
    'AuthType=auth/munge',
    'CredType=cred/munge',
    `AuthInfo=socket=${stage.path('munge.sock')}`,
    `StateSaveLocation=${stage.path('state')}`,
    `SlurmdSpoolDir=${stage.path('spool')}/%n`,
    `SlurmctldPidFile=${stage.path('slurmctld.pid')}`,
    `SlurmdPidFile=${stage.path('spool')}/%n/slurmd.pid`,
    `SlurmctldLogFile=${stage.path('slurmctld.log')}`,
    `SlurmdLogFile=${stage.path('spool')}/%n/slurmd.log`,
    // Grants and ends are read from the controller's log, which says them at this level.
    'SlurmctldDebug=info',
    'SlurmdDebug=fatal',
    'LogTimeFormat=iso8601_ms',
    // Nothing is done at a node beside what a job's end needs; no accounting.
    'ProctrackType=proctrack/pgid',
    'TaskPlugin=task/none',
    'SwitchType=switch/none',
    'MpiDefault=none',
    'JobAcctGatherType=jobacct_gather/none',
    'AccountingStorageType=accounting_storage/none',
    'JobCompType=jobcomp/none',
    'MailProg=/bin/true',
    // Only cores and GPUs are counted, by arrival; Berth also counts memory, disk and quotas.
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core',
    'PriorityType=priority/basic',
    'SchedulerType=sched/backfill',
    'SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,default_queue_depth=10000,bf_interval=1',
    'MaxJobCount=100000',
    `MinJobAge=${MIN_JOB_AGE_SECONDS}`,
    'KillWait=1',
    'OverTimeLimit=0',
    'ReturnToService=2',
    'SlurmdTimeout=0',
    'MessageTimeout=60',
    'TreeWidth=65533',
    'SlurmdParameters=config_overrides',
    'GresTypes=gpu',
    `NodeName=${range} NodeHostname=${hostname()} NodeAddr=127.0.0.1 ` +
      `Port=[${firstNodePort}-${lastNodePort}] CPUs=64 RealMemory=262144 Gres=gpu:${CARDS_PER_HOST}`,
    'PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP',
    '',
  ].join('\n');
}

function mungeArgs(stage: Stage): readonly string[] {
  return [
    '--foreground',
    '--force',
    '--num-threads=4',
    `--key-file=${stage.path('munge.key')}`,
    `--socket=${stage.path('munge.sock')}`,
    `--pid-file=${stage.path('munge.pid')}`,
    `--seed-file=${stage.path('munge.seed')}`,
    `--log-file=${stage.path('munge.log')}`,
  ];
}

async function idleNodes(
  command: (program: string, ...args: readonly string[]) => Promise<string>,
): Promise<number> {
  return Number(/^(\d+) idle$/m.exec(await command('sinfo', '-h', '-o', '%D %t'))?.[1] ?? 0);
}

function isUp(command: (program: string, ...args: readonly string[]) => Promise<string>): Promise<boolean> {
  return command('scontrol', 'ping').then(
    (said) => said.includes('UP'),
    () => false,
  );
}

function readable(path: string): boolean {
  try {
    return readFileSync(path, 'utf8') !== '';
  } catch {
    return false;
  }
}
