/**
 * `npm run sim:planted`: do the checkers see anything? Each fault is planted in a copy of the tree, one at a
 * time, and the simulation must find it. A fault that is not found, or no longer fits the code, fails the
 * run.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Planted {
  readonly what: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Beginning of the sentence with which a checker must answer. */
  readonly caughtBy: RegExp;
  /** A second place that has to be changed for it. */
  readonly also?: Pick<Planted, 'file' | 'find' | 'replace'>;
}

const FAULTS: readonly Planted[] = [
  {
    what: 'a lease that is starting does not count as holding its cards',
    file: 'src/domain/world.ts',
    find: "return lease.state.kind !== 'reserved' && claimOf(lease) !== null;",
    replace:
      "return lease.state.kind !== 'reserved' && lease.state.kind !== 'starting' && claimOf(lease) !== null;",
    caughtBy: /I1|I2|I5|overdrawn|books/,
  },
  {
    what: 'an end that is due is not decided',
    file: 'src/domain/commands/end.ts',
    find: 'if (freeze !== null || clockDoubt !== null',
    replace: 'if (lease.generation % 2 === 0 || freeze !== null || clockDoubt !== null',
    caughtBy: /I3/,
  },
  {
    what: 'the time before shelving is not booked as usage',
    file: 'src/domain/lease/machine.ts',
    find: 'if (heldBefore !== null && heldAfter === null && claimedAtMs !== null) {',
    replace:
      "if (heldBefore !== null && heldAfter === null && claimedAtMs !== null && state.kind !== 'shelved') {",
    caughtBy: /I5/,
  },
  {
    what: 'a machine that the cloud put elsewhere stays booked on its first host as well',
    file: 'src/domain/world.ts',
    find: 'oldRow.claims.delete(id);',
    replace: 'if (nextRow === null || nextRow === oldRow) oldRow.claims.delete(id);',
    caughtBy: /I4/,
  },
  {
    what: 'a request whose start failed is not put back into the queue',
    file: 'src/domain/world.ts',
    find: "if (live !== null && live.state.kind === 'queued') {",
    replace: "if (live !== null && live.state.kind === 'queued' && before?.state.kind !== 'ending') {",
    caughtBy: /I6/,
  },
  {
    what: 'nobody is woken for the end of an active lease',
    file: 'src/domain/due.ts',
    find: 'state.graceUntilMs ?? state.expiresAtMs;',
    replace: 'state.graceUntilMs;',
    caughtBy: /I3|every request is answered/,
  },
  {
    what: 'a lease ends half a minute early',
    file: 'src/domain/due.ts',
    find: 'return nextWarningAt(state, settings) ?? state.graceUntilMs ?? state.expiresAtMs;',
    replace: 'return nextWarningAt(state, settings) ?? state.graceUntilMs ?? state.expiresAtMs - 30_000;',
    caughtBy: /I3/,
    also: {
      file: 'src/domain/commands/end.ts',
      find: 'const { world, nowMs } = draft;\n  if (state.expiresAtMs > nowMs)',
      replace:
        'const { world } = draft;\n  const nowMs = draft.nowMs + 30_000;\n  if (state.expiresAtMs > nowMs)',
    },
  },
  {
    what: 'a lease is renewed whoever waits',
    file: 'src/domain/commands/end.ts',
    find: 'row === undefined || isWanted(world, row, state.claim, nowMs)) return false;',
    replace: 'row === undefined) return false;',
    caughtBy: /C10/,
  },
  {
    what: 'a return ticket does not have the place of the end',
    file: 'src/domain/commands/end.ts',
    find: 'return { queueSeq: draft.nextQueueSeq(), waitUntilMs: null };',
    replace: 'return { queueSeq: -draft.nextQueueSeq(), waitUntilMs: null };',
    caughtBy: /C11/,
  },
  {
    what: 'a lease that comes back gets another address',
    file: 'src/domain/provision/plan.ts',
    find: 'if (comeback && floatingIp.portId === null) {',
    replace: 'if (!comeback && floatingIp.portId === null) {',
    caughtBy: /C11/,
  },
  {
    what: 'a commit that failed is treated as done',
    file: 'src/engine/engine.ts',
    find: 'await this.#store.commit(commit);',
    replace: 'await this.#store.commit(commit).catch(() => undefined);',
    caughtBy: /I4|our own code threw|does not start/,
  },
];

/** Enough histories that each fault has its occasion, and few enough to wait for. */
const SEEDS = '12';
const ROOT = join(import.meta.dirname, '..', '..');

process.exitCode = main();

function main(): number {
  let missed = 0;
  for (const fault of FAULTS) {
    const answer = tryFault(fault);
    const caught = answer !== null && fault.caughtBy.test(answer);
    if (!caught) missed += 1;
    process.stdout.write(
      `${caught ? 'caught' : 'MISSED'}  ${fault.what}\n        ${fault.file}: ${answer ?? 'no checker answered'}\n`,
    );
  }
  process.stdout.write(`${FAULTS.length} faults planted, ${FAULTS.length - missed} caught\n`);
  return missed === 0 ? 0 : 1;
}

/** The first violation that the simulation reports on the changed tree; null: none. */
function tryFault(fault: Planted): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'berth-planted-'));
  try {
    for (const name of ['src', 'test', 'package.json', 'tsconfig.json']) {
      cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const { file, find, replace } of fault.also === undefined ? [fault] : [fault, fault.also]) {
      const path = join(folder, file);
      const text = readFileSync(path, 'utf8');
      if (!text.includes(find)) return 'the code that the fault would change is not there any more';
      writeFileSync(path, text.replace(find, replace));
    }
    const run = spawnSync(process.execPath, [join(folder, 'test/sim/main.ts'), '--seeds', SEEDS, '--once'], {
      encoding: 'utf8',
      timeout: 180_000,
    });
    return run.stderr.split('\n').find((line) => line.startsWith('seed ')) ?? null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
