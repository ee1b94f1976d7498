/**
 * `npm run bench [-- NAME… --json --strict]`: what Berth costs, each figure next to the bare thing that it
 * stands on, taken by turns in one run. Figures that miss their budget are marked; only `--strict` makes
 * them a failure.
 */
import { parseArgs } from 'node:util';
import { passes, type Bench, type Report } from './bench.ts';
import { benchBorrow } from './borrow.ts';
import { benchDecision } from './decision.ts';
import { benchExpiry } from './expiry.ts';
import { benchGrants } from './grants.ts';
import { benchFlavors, benchHttp, benchSlowDisk } from './http.ts';
import { describeMachine } from './machine.ts';
import { checksTable, printMachine, printTable } from './print.ts';
import { benchRelease } from './release.ts';
import { benchStart } from './start.ts';
import { benchStoreAlone } from './store-alone.ts';
import { benchStorePostgres } from './store-postgres.ts';

const BENCHES: readonly Bench[] = [
  { name: 'decision', summary: 'one decision at 100 and 10,000 hosts', run: benchDecision },
  { name: 'store', summary: 'the store alone against bare SQLite', run: benchStoreAlone },
  { name: 'store-postgres', summary: 'the store against bare PostgreSQL', run: benchStorePostgres },
  { name: 'grants', summary: 'durable grants through the engine against bare SQLite', run: benchGrants },
  { name: 'http', summary: 'borrow and return over HTTP against a trivial POST', run: benchHttp },
  { name: 'flavors', summary: 'the flavor report against a trivial GET', run: benchFlavors },
  { name: 'slow-disk', summary: 'reads while each commit waits for the disk', run: benchSlowDisk },
  { name: 'release', summary: 'from a return to the grant of the next', run: benchRelease },
  { name: 'expiry', summary: 'how late leases end', run: benchExpiry },
  { name: 'borrow', summary: 'the calls of a borrow, and the time between them', run: benchBorrow },
  { name: 'start', summary: 'start on a store of long use; memory', run: benchStart },
];

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, strict: { type: 'boolean', default: false } },
  });
  const unknown = positionals.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    console.error(`There is no benchmark ${unknown.join(', ')}. There are:`);
    for (const { name, summary } of BENCHES) console.error(`  ${name.padEnd(10)} ${summary}`);
    return 2;
  }
  const chosen = BENCHES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const machine = describeMachine();
  if (!values.json) console.log(`${printMachine(machine)}\n`);
  const reports: (Report & { readonly name: string })[] = [];
  for (const { name, summary, run } of chosen) {
    if (!values.json) console.error(`${name}: ${summary} …`);
    const report = await run();
    reports.push({ name, ...report });
    if (!values.json) for (const table of report.tables) console.log(printTable(table));
  }
  const checks = reports.flatMap((report) => report.checks);
  if (values.json) console.log(JSON.stringify({ machine, reports }, null, 2));
  else console.log(printTable(checksTable(checks)));
  return values.strict && !checks.every(passes) ? 1 : 0;
}
