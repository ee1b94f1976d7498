/**
 * A Debian 12 in a folder, to install packages into: made once by debootstrap, and seen through an overlay,
 * so that each test finds it as it was.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Kept between runs: it takes a minute or more to make. */
export const DEBIAN_ROOT = '/tmp/berth-test-debian';

const SUITE = 'bookworm';
/** The archive may be slow; what takes longer hangs. */
const INSTALL_MS_MAX = 10 * 60_000;
/** The slowest command unpacks the package. */
const COMMAND_MS_MAX = 120_000;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Default: root. */
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Debian {
  /** The folder as root of a file system. */
  readonly root: string;
  /** Runs a program there to its end. */
  run(command: readonly string[], options?: CommandOptions): Ran;
  /** Starts a program there. */
  start(command: readonly string[], options?: CommandOptions): ChildProcess;
  /** Takes the overlay away, and with it all that was done. */
  close(): void;
}

/** Makes the folder; throws with what debootstrap said. A half-made one is not left behind. */
export function installDebian(): void {
  const making = `${DEBIAN_ROOT}.making`;
  fs.rmSync(making, { recursive: true, force: true });
  const args = ['--variant=minbase', '--include=adduser', SUITE, making];
  const made = spawnSync('debootstrap', args, { encoding: 'utf8', timeout: INSTALL_MS_MAX });
  if (made.status !== 0) {
    fs.rmSync(making, { recursive: true, force: true });
    const said = `${made.stdout ?? ''}${made.stderr ?? ''}`.trim().split('\n').at(-1);
    throw new Error(`debootstrap: ${made.error?.message ?? said ?? 'failed'}`);
  }
  fs.renameSync(making, DEBIAN_ROOT);
}

/** A fresh look at it; needs root. */
export function startDebian(): Debian {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'berth-debian-'));
  const [root, upper, work] = ['root', 'upper', 'work'].map((name) => path.join(folder, name));
  if (root === undefined || upper === undefined || work === undefined) throw new Error('three folders');
  for (const made of [root, upper, work]) fs.mkdirSync(made);
  must('mount', [
    '-t',
    'overlay',
    '-o',
    `lowerdir=${DEBIAN_ROOT},upperdir=${upper},workdir=${work}`,
    'overlay',
    root,
  ]);
  must('mount', ['-t', 'proc', 'proc', path.join(root, 'proc')]);
  const words = (command: readonly string[], { user = 'root' }: CommandOptions): string[] => [
    '--userspec',
    user,
    root,
    ...command,
  ];
  const environment = ({ env }: CommandOptions): Record<string, string> => ({
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/nonexistent',
    LANG: 'C.UTF-8',
    DEBIAN_FRONTEND: 'noninteractive',
    ...env,
  });
  return {
    root,
    run(command, options = {}) {
      const settings = { encoding: 'utf8', timeout: COMMAND_MS_MAX, env: environment(options) } as const;
      const { status, stdout, stderr } = spawnSync('chroot', words(command, options), settings);
      return { code: status, stdout, stderr };
    },
    start: (command, options = {}) =>
      spawn('chroot', words(command, options), {
        env: environment(options),
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    close() {
      must('umount', [path.join(root, 'proc')]);
      must('umount', [root]);
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

function must(program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
}
