/** The peers as Debian packages them: installed where this process may, else asked for. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { run } from './stage.ts';

const LOCK_SECONDS_MAX = 600;

/** `programs`: a file that has to be there, and the package that brings it. Throws with the line that helps. */
export function providePackages(peer: string, programs: Readonly<Record<string, string>>): void {
  const missing = missingPackages(programs);
  if (missing.length === 0) return;
  const line = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0) throw new Error(`${peer} is not installed here. As root: ${line}`);
  console.error(`${peer}: ${line} …`);
  const options = ['--yes', '--no-install-recommends', '-o', `DPkg::Lock::Timeout=${LOCK_SECONDS_MAX}`];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const installed = spawnSync('apt-get', ['install', ...options, ...missing], { env, encoding: 'utf8' });
  if (installed.status !== 0 || missingPackages(programs).length > 0) {
    throw new Error(
      `${line} failed: ${installed.error?.message ?? ''}${installed.stdout}${installed.stderr}`,
    );
  }
}

export function missingPackages(programs: Readonly<Record<string, string>>): readonly string[] {
  const missing = Object.entries(programs).filter(([file]) => !existsSync(file));
  return [...new Set(missing.map(([, name]) => name))];
}

/** `placement-api 8.0.0-2`, as dpkg knows it. */
export async function versionsOf(packages: readonly string[]): Promise<string> {
  const shown = await run('dpkg-query', ['-W', '-f', '${Package} ${Version}\\n', ...packages]);
  return shown.trim().split('\n').join(', ');
}
