/**
 * `npm run bench [-- NAME… --peer PEER --hosts N --quick --json --strict]`: what Berth costs, each figure
 * next to the bare thing that it stands on, taken by turns in one run; and with `--peer` next to what would
 * be used instead. Figures that miss their budget are marked; only `--strict` makes them a failure.
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
import { benchPlacement } from './peers/placement.ts';
import { benchSlurm } from './peers/slurm.ts';
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

/** What would be used instead of Berth, or of a part of it: each is the real thing. */
const PEERS: Readonly<Record<string, readonly Bench[]>> = {
  placement: [{ name: 'placement', summary: 'claims and queries against Placement', run: benchPlacement }],
  slurm: [{ name: 'slurm', summary: 'grants, releases and limits against Slurm', run: benchSlurm }],
  postgres: BENCHES.filter(({ name }) => name === 'store-postgres'),
  sqlite: BENCHES.filter(({ name }) => name === 'store' || name === 'grants'),
  fastify: BENCHES.filter(({ name }) => name === 'http' || name === 'flavors'),
};

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      peer: { type: 'string', multiple: true, default: [] },
      json: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      hosts: { type: 'string' },
    },
  });
  const hosts = values.hosts?.split(',').map(Number) ?? null;
  if (hosts?.every((count) => Number.isSafeInteger(count) && count > 0) === false) {
    console.error('--hosts takes numbers of hosts, such as 100,1000.');
    return 2;
  }
  const chosen = choose(
    positionals,
    values.peer.flatMap((peer) => peer.split(',')),
  );
  if (chosen === null) return 2;
  const machine = describeMachine();
  if (!values.json) console.log(`${printMachine(machine)}\n`);
  const reports: (Report & { readonly name: string })[] = [];
  for (const { name, summary, run } of chosen) {
    if (!values.json) console.error(`${name}: ${summary} …`);
    const report = await run({ quick: values.quick, hosts });
    reports.push({ name, ...report });
    if (!values.json) printReport(report);
  }
  const checks = reports.flatMap((report) => report.checks);
  if (values.json) console.log(JSON.stringify({ machine, reports }, null, 2));
  else if (checks.length > 0) console.log(printTable(checksTable(checks)));
  return values.strict && !checks.every(passes) ? 1 : 0;
}

/** All benchmarks where nothing is named; null: something is named that is not there, and this was said. */
function choose(names: readonly string[], peers: readonly string[]): readonly Bench[] | null {
  const unknownNames = names.filter((name) => !BENCHES.some((bench) => bench.name === name));
  const unknownPeers = peers.filter((peer) => PEERS[peer] === undefined);
  if (unknownNames.length > 0) {
    console.error(`There is no benchmark ${unknownNames.join(', ')}. There are:`);
    for (const { name, summary } of BENCHES) console.error(`  ${name.padEnd(10)} ${summary}`);
  }
  if (unknownPeers.length > 0) {
    console.error(
      `There is no peer ${unknownPeers.join(', ')}. There are: ${Object.keys(PEERS).join(', ')}.`,
    );
  }
  if (unknownNames.length > 0 || unknownPeers.length > 0) return null;
  const named = BENCHES.filter(({ name }) => names.includes(name));
  const compared = peers.flatMap((peer) => PEERS[peer] ?? []);
  return names.length + peers.length === 0 ? BENCHES : [...new Set([...named, ...compared])];
}

function printReport({ notes = [], tables }: Report): void {
  for (const note of notes) console.log(`${note}\n`);
  for (const table of tables) console.log(printTable(table));
}
