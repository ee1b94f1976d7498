/** The writer thread: owns the open database, answers one call after the other. Ends after `close`. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { assertDefined } from '../../base/assert.ts';
import { openCore, type SqliteCore } from './core.ts';
import { storeErrorOf } from './failure.ts';
import { SchemaError } from '../migrations.ts';
import type { Answer, Answers, Call, Failure, Request, WriterOptions } from './protocol.ts';

const port = assertDefined(parentPort, 'runs as a worker thread');
const options: WriterOptions = workerData;
let opened: SqliteCore | null = null;

port.on('message', ({ id, call }: Request) => {
  port.postMessage(answer(id, call));
  if (call.op === 'close') port.close();
});

function answer(id: number, call: Call): Answer {
  try {
    return { id, ok: true, value: perform(call) };
  } catch (error) {
    return { id, ok: false, failure: failureOf(error) };
  }
}

function perform(call: Call): Answers[Call['op']] {
  if (call.op === 'open') {
    const { path, ...coreOptions } = options;
    opened = openCore(new DatabaseSync(path), coreOptions);
    return null;
  }
  const core = assertDefined(opened, 'the first call is open');
  switch (call.op) {
    case 'load':
      return core.load();
    case 'commit':
      core.commit(call.plan);
      return null;
    case 'hasBatch':
      return core.hasBatch(call.batchId);
    case 'readEvents':
      return core.readEvents(call.query);
    case 'readLease':
      return core.readLease(call.leaseId);
    case 'findLeases':
      return core.findLeases(call.prefix, call.limit);
    case 'readEndedLeases':
      return core.readEndedLeases(call.query);
    case 'sumUsage':
      return core.sumUsage(call.query);
    case 'readUsed':
      return core.readUsed(call.leaseIds);
    case 'hasIntent':
      return core.hasIntent(call.leaseId);
    case 'readExpired':
      return core.readExpired(call.query);
    case 'close':
      core.close();
      return null;
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof SchemaError) return { kind: 'schema', code: error.code, message: error.message };
  const { code, message } = storeErrorOf(error, 'statement');
  return { kind: 'store', code, message };
}
