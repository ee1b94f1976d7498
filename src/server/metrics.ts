import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Json } from '../base/json.ts';
import { SECOND_MS } from '../base/units.ts';
import type { EnginePort, ProviderStatus } from '../engine/views.ts';

/** One metric that the engine hands over. All names of metrics are in this file. */
export interface EngineMetric {
  /** Its name in `EnginePort.metrics()`. */
  readonly key: string;
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  /** Given where the engine hands over a number per value of this label. */
  readonly label?: string;
  /** What the number is divided by, to be exposed in the base unit. */
  readonly divisor?: number;
}

export const ENGINE_METRICS: readonly EngineMetric[] = [
  gauge('revision', 'berth_revision', 'Revision of the newest commit.'),
  { ...gauge('leases', 'berth_leases', 'Leases that have not ended, by state.'), label: 'state' },
  gauge('queue_length', 'berth_queue_length', 'Leases that wait for capacity.'),
  gauge('hosts', 'berth_hosts', 'Hosts.'),
  gauge('open_intents', 'berth_open_intents', 'Outside calls that were recorded and are not yet answered.'),
  gauge('findings', 'berth_findings', 'Findings that an operator should look at.'),
  gauge('frozen', 'berth_frozen', '1 while the service is frozen.'),
  gauge('clock_doubted', 'berth_clock_doubted', '1 while the clocks disagree and nothing ends.'),
  gauge('command_queue_length', 'berth_commands_waiting', 'Commands that wait to be decided.'),
  counter('commands_decided', 'berth_commands_decided_total', 'Commands that were granted or done.'),
  counter('commands_refused', 'berth_commands_refused_total', 'Commands that were refused.'),
  counter('commits', 'berth_commits_total', 'Group commits.'),
  {
    ...counter('commit_ms_total', 'berth_commit_seconds_total', 'Time spent in group commits.'),
    divisor: SECOND_MS,
  },
  counter('reloads', 'berth_store_reloads_total', 'Times that the store was loaded again after a failure.'),
];

export interface Metrics {
  /** Returns the function that counts one answered request of the operation; the duration is in ms. */
  requests(operationId: string): (status: number, durationMs: number) => void;
  streamOpened(): void;
  streamClosed(why: string): void;
  /** An address had too many connections. */
  connectionRefused(): void;
  /** End of the certificate that is used, ms of the wall clock. */
  certificateEnds(atMs: number): void;
  /** In the text format of Prometheus. */
  render(): Promise<string>;
  readonly contentType: string;
}

/** From a read out of memory to a commit on a slow disk. */
const DURATION_BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** The metrics of one server in a registry of its own, so that two servers in a process do not mix. */
export function createMetrics(engine: EnginePort, version: string): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const durations = new Histogram({
    name: 'berth_http_request_duration_seconds',
    help: 'Time from the request to the end of the answer.',
    labelNames: ['operation', 'status'] as const,
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  const streams = new Gauge({ name: 'berth_event_streams', help: 'Clients that follow events.', registers });
  const streamsEnded = new Counter({
    name: 'berth_event_streams_ended_total',
    help: 'Event streams that ended, by why.',
    labelNames: ['why'] as const,
    registers,
  });
  const refused = new Counter({
    name: 'berth_connections_refused_total',
    help: 'Connections that were closed at once, since their address had too many.',
    registers,
  });
  const certificate = certificateMetric(registry);
  new Gauge({ name: 'berth_build_info', help: 'Version.', labelNames: ['version'] as const, registers }).set(
    { version },
    1,
  );
  const setEngine = engineMetrics(registry);
  const setProviders = providerMetrics(registry);
  const session = engine.as({ kind: 'system', name: 'metrics' });
  return {
    requests(operation) {
      const byStatus = new Map<number, ReturnType<typeof durations.labels>>();
      return (status, durationMs) => {
        let child = byStatus.get(status);
        if (child === undefined) {
          child = durations.labels({ operation, status: String(status) });
          byStatus.set(status, child);
        }
        child.observe(durationMs / SECOND_MS);
      };
    },
    streamOpened: () => streams.inc(),
    streamClosed(why) {
      streams.dec();
      streamsEnded.inc({ why });
    },
    connectionRefused: () => refused.inc(),
    certificateEnds: certificate,
    render() {
      setEngine(engine.metrics());
      setProviders(session.status().providers);
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}

/** The end of the certificate; there is no such metric where TLS ends elsewhere. */
function certificateMetric(registry: Registry): (atMs: number) => void {
  let gaugeOf: Gauge | null = null;
  return (atMs) => {
    gaugeOf ??= new Gauge({
      name: 'berth_tls_certificate_expiry_timestamp_seconds',
      help: 'End of the certificate that is used.',
      registers: [registry],
    });
    gaugeOf.set(atMs / SECOND_MS);
  };
}

/** Makes the metrics of the engine; the returned function sets them to what it hands over. */
function engineMetrics(registry: Registry): (values: { readonly [name: string]: Json }) => void {
  const setters = ENGINE_METRICS.map(({ key, name, type, help, label, divisor = 1 }) => {
    const config = { name, help, labelNames: label === undefined ? [] : [label], registers: [registry] };
    const metric = type === 'gauge' ? new Gauge(config) : new Counter(config);
    return (values: { readonly [name: string]: Json }): void => {
      const value = values[key];
      metric.reset();
      if (typeof value === 'number') metric.inc(value / divisor);
      if (label === undefined || typeof value !== 'object' || value === null) return;
      for (const [labelValue, count] of Object.entries(value)) {
        if (typeof count === 'number') metric.inc({ [label]: labelValue }, count / divisor);
      }
    };
  });
  return (values) => {
    for (const set of setters) set(values);
  };
}

/** Makes the metrics of the providers; the returned function sets them to their state. */
function providerMetrics(registry: Registry): (providers: readonly ProviderStatus[]) => void {
  const config = { labelNames: ['provider'] as const, registers: [registry] };
  const reachable = new Gauge({
    name: 'berth_provider_reachable',
    help: '1: the provider answers.',
    ...config,
  });
  const observed = new Gauge({
    name: 'berth_provider_observed_timestamp_seconds',
    help: 'Time of the newest complete observation.',
    ...config,
  });
  return (providers) => {
    reachable.reset();
    observed.reset();
    for (const { id: provider, reachable: answers, observedAtMs } of providers) {
      reachable.set({ provider }, answers ? 1 : 0);
      if (observedAtMs !== null) observed.set({ provider }, observedAtMs / SECOND_MS);
    }
  };
}

function gauge(key: string, name: string, help: string): EngineMetric {
  return { key, name, type: 'gauge', help };
}

function counter(key: string, name: string, help: string): EngineMetric {
  return { key, name, type: 'counter', help };
}
