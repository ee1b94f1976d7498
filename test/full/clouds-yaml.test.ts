// Berth and openstacksdk read the same configuration the same way; where they are meant not to, it stands
// here with its reason.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { problemText, type CloudProblem } from '../../src/openstack/clouds/problem.ts';
import { readCloudFiles } from '../../src/openstack/clouds/read-files.ts';
import {
  resolveCloud,
  resolveSettings,
  type CloudLogin,
  type CloudSettings,
} from '../../src/openstack/clouds/resolve-cloud.ts';
import { SERVICE_TYPES, type ServiceType } from '../../src/openstack/catalog.ts';
import { authBody } from '../../src/openstack/credentials.ts';
import { identityUrl } from '../../src/openstack/keystone/tokens.ts';
import { randomCases, trickyCases } from './clouds-yaml-cases.ts';
import { askOpenstackSdk, type CloudCase, type SdkAnswer } from './openstacksdk.ts';

const SEED = 20_261_121;
const RANDOM_CASES = 300;

/** Where Berth refuses what the SDK takes. Each names a trap that the SDK leaves its user in. */
const REFUSED_BY_US: readonly RegExp[] = [
  // The SDK leaves the scope of the system out, without a word.
  /a token is for one of these:.* and system/,
  // The SDK sends the scope along, and Keystone refuses it.
  /an application credential is for one project/,
  // The SDK asks Keystone with the password null, or for nobody.
  /auth\.(?:password|username|token)(?:: | \(or )?.*is missing|OS_(?:PASSWORD|USERNAME|TOKEN): is missing/,
  // The SDK ignores it: nobody misspells on purpose.
  /did you mean/,
  // The SDK uses such a value as it is.
  /must be (?:true or false|a text|an interface|seconds|a URL)/,
];

/** Where Berth takes what the SDK refuses: the domain `default` is meant, as to the openstack command. */
const TAKEN_BY_US = /is only unique within a domain/;

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-clouds-'));
const cases = [...trickyCases, ...randomCases(SEED, RANDOM_CASES)].map(placed);
const answers = askOpenstackSdk(cases, SERVICE_TYPES);
afterAll(() => fs.rmSync(root, { recursive: true }));

test('compares enough, and not only refusals', () => {
  expect(trickyCases.length).toBeGreaterThanOrEqual(60);
  expect(answers.filter((answer) => !('error' in answer)).length).toBeGreaterThan(cases.length / 3);
});

test.each(cases.map((each, index) => [each.title, index] as const))('%s', (_title, index) => {
  const given = cases[index]!;
  const theirs = answers[index]!;
  const ours = resolve(given);
  if ('error' in theirs) {
    if (!TAKEN_BY_US.test(theirs.error)) expect(ours, theirs.error).toHaveProperty('problems');
    return;
  }
  if ('problems' in ours) {
    const text = ours.problems.map(problemText).join('\n');
    expect(
      REFUSED_BY_US.filter((trap) => trap.test(text)),
      text,
    ).not.toEqual([]);
    return;
  }
  expect(oursAsTheirs(ours)).toEqual(theirsCompared(theirs));
});

/** Writes the files of a case, and puts its folder into its texts. */
function placed(given: CloudCase, index: number): CloudCase & { readonly root: string } {
  const own = path.join(root, String(index));
  for (const folder of ['home', 'work']) fs.mkdirSync(path.join(own, folder), { recursive: true });
  for (const [name, text] of Object.entries(given.files)) {
    fs.mkdirSync(path.dirname(path.join(own, name)), { recursive: true });
    fs.writeFileSync(path.join(own, name), text);
  }
  const env = { HOME: path.join(own, 'home'), ...given.env };
  const filled = Object.entries(env).map(([key, value]) => [key, value.replaceAll('$ROOT', own)]);
  return { ...given, env: Object.fromEntries(filled) as Readonly<Record<string, string>>, root: own };
}

type Ours =
  | { readonly login: CloudLogin; readonly resolved: CloudSettings }
  | { readonly problems: readonly CloudProblem[] };

function resolve({ root: folder, env, cloud, overrides }: (typeof cases)[number]): Ours {
  const files = readCloudFiles(env, path.join(folder, 'work'));
  if (!files.ok) return { problems: files.error };
  const query = { files: files.value, env, name: cloud, overrides };
  const login = resolveCloud(query);
  const resolved = resolveSettings(query);
  if (!login.ok) return { problems: login.error };
  if (!resolved.ok) return { problems: resolved.error };
  return { login: login.value, resolved: resolved.value };
}

function oursAsTheirs({ login, resolved }: Extract<Ours, { readonly login: CloudLogin }>): object {
  const { tls } = login;
  return {
    name: login.name,
    authType: resolved.auth.type,
    auth: { ...resolved.auth.auth, auth_url: login.authUrl },
    region: login.region,
    verify: tls.verify && tls.caPath !== null ? tls.caPath : tls.verify,
    cert: tls.keyPath === null ? tls.certPath : [tls.certPath, tls.keyPath],
    timeoutMs: login.callTimeoutMs,
    services: Object.fromEntries(SERVICE_TYPES.map((service) => [service, oursOf(login, resolved, service)])),
    body: authBody(login.credentials),
  };
}

function oursOf(login: CloudLogin, { settings }: CloudSettings, service: ServiceType): object {
  const { interfaces, region, type, name, microversion } = login.services[service] ?? {};
  return {
    interface: interfaces ?? login.interfaces,
    region: region === undefined ? login.region : region,
    endpoint: login.endpointOverrides[service] ?? null,
    apiVersion: settings[`${service}_api_version`] ?? null,
    microversion: microversion ?? null,
    type: type ?? service,
    name: name ?? null,
  };
}

/** Where the two write the same in another way. */
function theirsCompared(answer: Exclude<SdkAnswer, { readonly error: string }>): object {
  const services = Object.entries(answer.services).map(([service, found]) => [
    service,
    {
      ...found,
      interface: [found.interface].flat().map((each) => String(each).replace(/URL$/, '')),
      region: found.region === '' ? null : found.region,
    },
  ]);
  const { auth_url: url, ...auth } = answer.auth;
  const { timeout, ...others } = answer;
  return {
    ...others,
    auth: { ...auth, auth_url: identityUrl(String(url)) },
    region: answer.region === '' ? null : answer.region,
    timeoutMs: timeout === null || Number(timeout) === 0 ? null : Number(timeout) * 1000,
    services: Object.fromEntries(services) as object,
    body: withDefaultDomains(answer.body),
  };
}

/** Deliberate: who is named without a domain is of `default`, as the openstack command has it. */
function withDefaultDomains(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body), (key: string, value: unknown) => {
    if ((key !== 'user' && key !== 'project') || value === null || typeof value !== 'object') return value;
    return 'name' in value && !('domain' in value) ? { ...value, domain: { id: 'default' } } : value;
  });
}
