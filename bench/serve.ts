/** The program as an operator runs it: `berth serve` in a process of its own. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Thousands of declared hosts are read in seconds, on busy cores in many; what takes longer hangs. */
const START_MS_MAX = 90_000;
const POLL_MS = 20;
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

export interface Served {
  readonly pid: number;
  readonly url: string;
  /** The first admin token, as `serve` shows it once. */
  readonly token: string;
  /** Asks it to stop, and waits until it has. */
  stop(): Promise<void>;
}

/** On a data folder below `dir`. Rejects when it does not serve in time. */
export async function startServe(options: {
  readonly dir: string;
  readonly configPath: string;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<Served> {
  const { dir, configPath, env = {} } = options;
  const args = ['serve', '--config', configPath, '--data', join(dir, 'data'), '--listen', '127.0.0.1:0'];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const deadlineMs = performance.now() + START_MS_MAX;
  while (performance.now() < deadlineMs && child.exitCode === null) {
    const url = /serves at (http:\/\/\S+);/.exec(said)?.[1];
    const token = /: (berth_\S+)/.exec(said)?.[1];
    if (url !== undefined && token !== undefined) {
      return {
        pid: child.pid ?? 0,
        url,
        token,
        async stop() {
          child.kill('SIGTERM');
          await exited;
        },
      };
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  child.kill('SIGKILL');
  throw new Error(`the server did not start: ${said}`);
}
