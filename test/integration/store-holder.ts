/**
 * A process that opens the store in the folder named as its argument, commits once, says so, and waits to be
 * killed.
 */
import { argv, stdout } from 'node:process';
import { systemClock } from '../../src/base/clock.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { batchMaker, putHost, sampleHost } from './store-samples.ts';

const store = await openSqliteStore({
  dir: argv[2] ?? '',
  version: '0.0.0',
  clock: systemClock,
  ids: { next: () => 'dep' },
});
await store.commit(batchMaker(await store.load())([putHost(sampleHost('h1'))]));
stdout.write('committed\n');
