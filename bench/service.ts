/** The real service for benchmarks: engine, SQLite on disk with its thread, controllers, declared hosts. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/base/clock.ts';
import { asId } from '../src/base/ids.ts';
import { createPrng } from '../src/base/prng.ts';
import { HOUR_MS } from '../src/base/units.ts';
import { startControllers, type Controllers } from '../src/controllers/controllers.ts';
import { declaredConfigSchema } from '../src/declared/config.ts';
import { createDeclaredProvider } from '../src/declared/provider.ts';
import type { UserCommand } from '../src/domain/command.ts';
import { DEFAULT_SETTINGS } from '../src/domain/settings.ts';
import { Engine } from '../src/engine/engine.ts';
import { hashSecret, Service } from '../src/engine/service.ts';
import { randomIds } from '../src/main/bootstrap.ts';
import { openSqliteStore } from '../src/store/sqlite/store.ts';
import { create, lease } from '../test/support/worlds.ts';

export const CARDS_PER_HOST = 8;
/** Of the flavor with one card. */
export const FLAVOR = 'rtx2080';

const ids = randomIds(systemClock);

export interface BenchService {
  readonly engine: Engine;
  readonly service: Service;
  readonly controllers: Controllers;
  /** The secret of a new token of a member. */
  token(): Promise<string>;
  close(): Promise<void>;
}

/** Ready when it resolves: the hosts are known. */
export async function openBenchService(options: {
  readonly hosts: number;
  /** Added to each commit, ms. */
  readonly commitDelayMs?: number;
}): Promise<BenchService> {
  const dir = makeFolder();
  const clock = systemClock;
  const { commitDelayMs = 0 } = options;
  const store = await openSqliteStore({ dir, version: 'bench', clock, ids, commitDelayMs });
  const engine = await Engine.open({ store, clock, prng: createPrng(1), ids, settings: DEFAULT_SETTINGS });
  const config = declaredConfigSchema.parse({ hosts: declaredHosts(options.hosts) });
  const provider = createDeclaredProvider({ id: asId('declared'), config });
  const controllers = startControllers(engine, [provider]);
  const service = new Service({
    engine,
    outside: controllers,
  });
  while (!controllers.ready()) await new Promise((resolve) => setTimeout(resolve, 1));
  return {
    engine,
    service,
    controllers,
    token: () => newToken(engine),
    async close() {
      await controllers.stop();
      engine.stop();
      await store.close();
      removeFolder(dir);
    },
  };
}

/** A data folder of its own on the disk that holds temporary files. */
export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'berth-bench-'));
}

export function removeFolder(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
}

/** As they would stand in the config file. */
export function declaredHosts(count: number): readonly object[] {
  return Array.from({ length: count }, (_unused, index) => ({
    name: `gpu-${String(index).padStart(5, '0')}`,
    connection: { host: '192.0.2.17', user: 'ubuntu' },
    vcpus: 64,
    memory_mib: 262_144,
    disk_gib: 2000,
    gpus: Array.from({ length: CARDS_PER_HOST }, () => ({ class: FLAVOR })),
  }));
}

/** A request for one card, as a borrower would make it. */
export function borrow(durationMs: number): Extract<UserCommand, { readonly type: 'lease.create' }> {
  return create(ids.next(), FLAVOR, { durationMs });
}

export function release(id: string): UserCommand {
  return { type: 'lease.release', leaseId: lease(id) };
}

async function newToken(engine: Engine): Promise<string> {
  const secret = `berth_${randomBytes(32).toString('base64url')}`;
  const nowMs = engine.nowMs();
  await engine.command('bench', {
    type: 'token.create',
    token: {
      id: asId(randomUUID()),
      name: 'bench',
      secretHash: hashSecret(secret),
      projectId: asId('bench'),
      role: 'member',
      createdAtMs: nowMs,
      createdBy: 'system:bench',
      expiresAtMs: nowMs + HOUR_MS,
    },
  });
  return secret;
}
