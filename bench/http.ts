/** Requests per second over HTTP, against the least that fastify can do, with the same client. */
import { round, type Report } from './bench.ts';
import { startChild } from './child.ts';
import type { ClientAnswer, ClientQuestion, LoopKind } from './client-process.ts';
import { interleave, median, quantiles, type Pairs } from './measure.ts';
import type { ServerAnswer, ServerQuestion } from './server-process.ts';

const CLIENTS = 64;
const RUN_MS = 1000;
/** Room for those that are just ending as well: a full cloud would measure the queue instead. */
const HOSTS = 512;

interface Site {
  readonly berth: ServerAnswer;
  readonly trivial: ServerAnswer;
  /** Runs the client once. */
  drive(server: ServerAnswer, loops: ClientQuestion['loops'], forMs?: number): Promise<ClientAnswer>;
}

export async function benchHttp(): Promise<Report> {
  return withSite(0, async (site) => {
    const run = rate(site, 'borrow', 'post');
    const pairs = await interleave(run.trivial, run.berth);
    return reportOf(`HTTP: borrow and return with token and Idempotency-Key, ${CLIENTS} clients`, pairs, {
      what: 'borrow and return / trivial POST',
      atLeast: 0.2,
    });
  });
}

export async function benchFlavors(): Promise<Report> {
  return withSite(0, async (site) => {
    const run = rate(site, 'flavors', 'flavors');
    const pairs = await interleave(run.trivial, run.berth);
    return reportOf(`HTTP: GET /gpus/flavors, ${CLIENTS} clients`, pairs, {
      what: 'flavor report / trivial GET of equal size',
      atLeast: 0.7,
    });
  });
}

/** Reads stay fast while each commit waits for a slow disk. */
export async function benchSlowDisk(): Promise<Report> {
  return withSite(5, async (site) => {
    const loops = [
      { kind: 'borrow', count: 8 },
      { kind: 'lease', count: 2 },
      { kind: 'flavors', count: 2 },
    ] as const;
    await site.drive(site.berth, loops);
    const { tookMs, seconds } = await site.drive(site.berth, loops, 5 * RUN_MS);
    const found = (['lease', 'flavors', 'borrow'] as const).map((kind) => {
      const values = tookMs[kind] ?? [];
      const [p50 = 0, p99 = 0, max = 0] = quantiles(values, [0.5, 0.99, 1]);
      return { kind, perSecond: values.length / seconds, p50, p99, max };
    });
    const names = { lease: 'GET /v1/leases/{id}', flavors: 'GET /gpus/flavors', borrow: 'POST and DELETE' };
    return {
      tables: [
        {
          title: 'Slow disk: each flush takes 5 ms more, 8 clients write all the time',
          head: ['', 'requests/s', 'p50 ms', 'p99 ms', 'max ms'],
          rows: found.map(({ kind, perSecond, p50, p99, max }) => [
            names[kind],
            round(perSecond),
            round(p50),
            round(p99),
            round(max),
          ]),
        },
      ],
      checks: found
        .filter(({ kind }) => kind !== 'borrow')
        .map(({ kind, p99 }) => ({
          what: `${names[kind]} beside a slow disk, p99`,
          value: p99,
          unit: 'ms',
          atMost: 10,
        })),
    };
  });
}

async function withSite(commitDelayMs: number, use: (site: Site) => Promise<Report>): Promise<Report> {
  const children = {
    berth: startChild('./server-process.ts'),
    trivial: startChild('./server-process.ts'),
    client: startChild('./client-process.ts'),
  };
  try {
    const ask = (question: ServerQuestion): Promise<ServerAnswer> => children[question.serve].ask(question);
    const berth = await ask({ serve: 'berth', hosts: HOSTS, commitDelayMs });
    const body = await (await fetch(`${berth.url}/gpus/flavors`)).text();
    const trivial = await ask({ serve: 'trivial', body });
    return await use({
      berth,
      trivial,
      drive: (server, loops, forMs = RUN_MS) => children.client.ask({ ...server, loops, forMs }),
    });
  } finally {
    await Promise.all(Object.values(children).map((child) => child.stop()));
  }
}

/** Requests per second of both servers, each with its own kind of request. */
function rate(
  site: Site,
  ours: LoopKind,
  theirs: LoopKind,
): { readonly berth: () => Promise<number>; readonly trivial: () => Promise<number> } {
  const run = async (server: ServerAnswer, kind: LoopKind): Promise<number> => {
    const { tookMs, seconds } = await site.drive(server, [{ kind, count: CLIENTS }]);
    return (tookMs[kind] ?? []).length / seconds;
  };
  return { berth: () => run(site.berth, ours), trivial: () => run(site.trivial, theirs) };
}

function reportOf(
  title: string,
  pairs: Pairs,
  check: { readonly what: string; readonly atLeast: number },
): Report {
  return {
    tables: [
      {
        title,
        head: ['requests per second', 'median', 'runs'],
        rows: [
          ['trivial fastify', round(median(pairs.bare)), pairs.bare.map(round).join(' ')],
          ['Berth', round(median(pairs.ours)), pairs.ours.map(round).join(' ')],
        ],
      },
    ],
    checks: [{ ...check, value: pairs.ratio, unit: '' }],
  };
}
