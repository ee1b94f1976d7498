// What is handed out beside the program fits the program: metrics, configuration, manual pages.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { manPages } from '../../scripts/package/man/pages.ts';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { sections } from '../../src/cli/sections.ts';
import { parseConfig } from '../../src/main/config.ts';
import { checkListener } from '../../src/server/listener.ts';
import { configurationKeys } from '../../scripts/docs/configuration-keys.ts';
import { startTestServer, type TestServer } from '../support/engine.ts';

const root = path.join(import.meta.dirname, '..', '..');
const read = (file: string): string => fs.readFileSync(path.join(root, file), 'utf8');

/** A server without TLS has none. */
const ONLY_WITH_TLS = ['berth_tls_certificate_expiry_timestamp_seconds'];

/** Metrics that need no panel and no alert, with the reason. */
const NOT_SHOWN: Readonly<Record<string, string>> = {};

describe('metrics', () => {
  let server: TestServer;
  let names: ReadonlySet<string>;

  beforeAll(async () => {
    server = await startTestServer();
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const served = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] ?? '');
    names = new Set([...served, ...ONLY_WITH_TLS]);
  });
  afterAll(() => server.close());

  /** Names in a text, histograms without the ending of their series. */
  const namedIn = (text: string): ReadonlySet<string> =>
    new Set(
      [...text.matchAll(/\bberth_[a-z_]+/g)].map(([name]) => name.replace(/_(?:count|sum|bucket)$/, '')),
    );

  test('the dashboard and the alerts name only metrics that there are', () => {
    for (const file of ['deploy/grafana/berth.json', 'deploy/prometheus/berth.rules.yaml']) {
      const named = namedIn(read(file));
      expect(named.size).toBeGreaterThan(8);
      expect([file, [...named].filter((name) => !names.has(name))]).toEqual([file, []]);
    }
  });

  test('every metric is in the dashboard, or said not to be', () => {
    expect(names.size).toBeGreaterThan(15);
    const shown = namedIn(read('deploy/grafana/berth.json'));
    const forgotten = [...names].filter((name) => !shown.has(name) && !(name in NOT_SHOWN));
    expect(forgotten).toEqual([]);
  });

  test('every alert has a section in the runbook, and a test in which it fires', () => {
    const rules = [...read('deploy/prometheus/berth.rules.yaml').matchAll(/- alert: (\w+)/g)];
    expect(rules.length).toBeGreaterThan(8);
    const runbook = read('docs/operate/alerts.md');
    const tested = read('deploy/prometheus/berth.rules.test.yaml');
    for (const [, name = ''] of rules) {
      expect(runbook).toContain(`\n## ${name}\n`);
      expect(tested).toMatch(new RegExp(`alertname: ${name}\\n\\s+exp_alerts:\\n\\s+- exp_labels`));
    }
  });
});

describe('configuration', () => {
  test.each(['deploy/debian/berth.yaml', 'deploy/container/berth.yaml'])('%s is valid and safe', (file) => {
    const parsed = parseConfig(read(file), file);
    if (!parsed.ok) throw new Error(parsed.error.join('\n'));
    const { listen, trusted_proxies: proxies, tls } = parsed.value;
    const [first = ''] = [listen].flat();
    const host = first.replace(/:\d+$/, '');
    const listener = {
      host,
      open: false,
      tls: tls !== null,
      trustedProxy: proxies.length > 0,
      insecureHttp: false,
    };
    expect(checkListener(listener)).toEqual({ ok: true, value: null });
  });

  test('what is commented out in the Debian configuration is valid, too', () => {
    // A section's first line starts with its key, text with a blank.
    const commented = /^#[a-z_]+:.*\n(?:# {2}.*\n)*/gm;
    const text = read('deploy/debian/berth.yaml').replaceAll(commented, (lines) =>
      lines.replaceAll(/^#/gm, ''),
    );
    const parsed = parseConfig(text, 'berth.yaml');
    expect(parsed).toMatchObject({
      ok: true,
      value: { clouds: [{ name: 'mycloud' }], simulated: { hosts: 2 } },
    });
  });

  test('the container is started with options that there are, and named alike everywhere', () => {
    const compose: unknown = parse(read('deploy/container/compose.yaml'));
    expect(compose).toMatchObject({
      services: {
        berth: { read_only: true, cap_drop: ['ALL'], ports: ['127.0.0.1:8080:8080'] },
        postgres: { networks: ['inside'] },
      },
    });
    const { command } = (compose as { services: { berth: { command: string[] } } }).services.berth;
    expect(parseCommandLine(command, sections, null)).toMatchObject({ kind: 'run' });
    const gateway = /gateway: (\S+)/.exec(read('deploy/container/compose.yaml'))?.[1];
    expect(read('deploy/container/berth.yaml')).toContain(`trusted_proxies: [${gateway}]`);
  });
});

describe('manual pages', () => {
  const pages = manPages();
  const page = (name: string): string => (pages.get(name) ?? '').replaceAll('\\-', '-');

  test('berth(1) has every command and option', () => {
    const text = page('berth.1');
    const commands = sections.flatMap((section) => section.commands);
    expect(commands.length).toBeGreaterThan(30);
    for (const { path: words, options } of commands) {
      expect(text).toContain(`.It Nm Cm ${words.join(' ')} `);
      for (const { flags } of Object.values(options)) {
        expect(text).toContain(`Fl ${/--[a-z-]+/.exec(flags)?.[0].slice(1)}`);
      }
    }
  });

  test('berth.yaml(5) has every key', () => {
    const keys = configurationKeys();
    for (const { key } of keys) expect(page('berth.yaml.5')).toContain(`.It Cm ${key} `);
  });

  test.runIf(fs.existsSync('/usr/bin/mandoc'))('mandoc has nothing to say about them', () => {
    for (const text of pages.values()) {
      // What it finds is on stdout; on stderr, that this machine's list of other pages is old; ours are
      // not in it.
      const { stdout, error } = spawnSync('mandoc', ['-Tlint'], { input: text, encoding: 'utf8' });
      const findings = stdout.split('\n').filter((line) => line !== '' && !line.includes('manual not found'));
      expect({ findings, error }).toEqual({ findings: [], error: undefined });
    }
  });
});
