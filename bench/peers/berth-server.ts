/** Berth as it is installed: `berth serve` on SQLite with declared hosts, and a member's token. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { createClient } from '../../src/client/client.ts';
import { startServe } from '../serve.ts';
import { declaredHosts, FLAVOR } from '../service.ts';
import { CLAIM } from './placement-client.ts';
import type { Stage } from './stage.ts';

export interface BerthServer {
  readonly pid: number;
  readonly url: string;
  readonly token: string;
  stop(): Promise<void>;
}

/** As many GPUs as flavors ask for; the first is `FLAVOR`. */
const SIZES = [1, 2, 4, 8];

export function flavorOf(gpus: number): string {
  return gpus === 1 ? FLAVOR : `${FLAVOR}-x${gpus}`;
}

/** In a data folder of its own; ends with the stage, if not before. */
export async function startBerth(stage: Stage, hosts: number): Promise<BerthServer> {
  const dir = stage.path(`berth-${hosts}-${Date.now()}`);
  mkdirSync(dir);
  const configPath = `${dir}/berth.yaml`;
  const flavors = SIZES.map((gpus) => ({
    name: flavorOf(gpus),
    vcpus: CLAIM.VCPU,
    memory_mib: CLAIM.MEMORY_MB,
    disk_gib: CLAIM.DISK_GB,
    gpus: { [FLAVOR]: gpus },
  }));
  writeFileSync(
    configPath,
    stringify({ rate_limit: null, declared: { hosts: declaredHosts(hosts), flavors } }),
  );
  const served = await startServe({ dir, configPath });
  let running = true;
  const stop = async (): Promise<void> => {
    if (!running) return;
    running = false;
    await served.stop();
  };
  stage.onClose(stop);
  const admin = createClient({ baseUrl: served.url, token: served.token });
  const { secret } = await admin.createToken({ name: 'bench', role: 'member', project_id: 'bench' });
  return { pid: served.pid, url: served.url, token: secret, stop };
}
