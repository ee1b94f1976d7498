import type { CallFailure, EndpointFact, Facts } from '../facts.ts';
import { NOVA_MICROVERSION } from '../../openstack/nova/microversion.ts';
import { finding, quoted, some, type Finding } from '../finding.ts';
import { isTlsFailure } from './login.ts';

/** `placement/pci-providers.ts`, and the inventory. */
const PLACEMENT_MICROVERSION = '1.36';

type Missing = Extract<EndpointFact, { readonly url: null }>;

/** Whether every service is in the catalog, answers, and is new enough. */
export function checkServices(facts: Facts): readonly Finding[] {
  if (facts.token === null || facts.token.projectId === null) return [];
  return [
    ...missing(facts),
    ...facts.endpoints.flatMap((endpoint) => silent(facts, endpoint)),
    ...failing(facts),
    ...tooOld(facts),
  ];
}

/** The first failure of a service that shows that nothing answers there; null: it answers. */
function silenceOf(facts: Facts, service: string): CallFailure | null {
  const own = facts.failures.filter((failure) => failure.service === service);
  const lost = own.find(({ code, systemCode }) => code === 'no_reply' || systemCode !== null);
  return lost ?? null;
}

/** One finding for each cause: a wrong region is wrong for every service. */
function missing(facts: Facts): readonly Finding[] {
  const lacking = facts.endpoints.filter((endpoint) => endpoint.url === null);
  const byCause = Map.groupBy(lacking, ({ lacks, service, has }) =>
    lacks === 'service' || lacks === 'permission' ? service : `${lacks} ${has.join(' ')}`,
  );
  return [...byCause.values()].flatMap(([first, ...others]) =>
    first === undefined
      ? []
      : [
          missingFor(
            facts,
            first,
            [first, ...others].map(({ service }) => service),
          ),
        ],
  );
}

function missingFor(facts: Facts, { has, lacks }: Missing, services: readonly string[]): Finding {
  const { region, interfaces } = facts.login;
  const { name } = facts.cloud;
  const names = some(services.map((service) => `'${service}'`));
  const subject = services.length === 1 ? `service ${names}` : `services ${names}`;
  switch (lacks) {
    case 'service': {
      const fix = `openstack endpoint create --region ${quoted(region ?? 'RegionOne')} ${services[0] ?? ''} public URL`;
      return finding('endpoint_missing', subject, `The catalog has no service of the type ${names}.`, fix);
    }
    case 'permission': {
      const message = `The settings say that ${names} is not to be called (has_${services[0] ?? ''} is false).`;
      const fix = `In clouds.yaml, remove under clouds.${name}: has_${services[0] ?? ''}`;
      return finding('service_switched_off', subject, message, fix);
    }
    case 'region': {
      const message = `The catalog has ${names} in ${some(has)}, not in region '${region ?? ''}'.`;
      const fix = `In clouds.yaml, under clouds.${name}: region_name: ${has[0] ?? 'REGION'}`;
      return finding('region_unknown', subject, message, fix);
    }
    case 'interface': {
      const wanted = interfaces.join(' or ');
      const message = `The catalog has ${names} with the interfaces ${some(has)}, not ${wanted}.`;
      const fix = `In clouds.yaml, under clouds.${name}: interface: ${has[0] ?? 'public'}`;
      return finding('interface_missing', subject, message, fix);
    }
  }
}

function silent(facts: Facts, endpoint: EndpointFact): readonly Finding[] {
  if (endpoint.url === null) return [];
  const failure = silenceOf(facts, endpoint.service);
  if (failure === null) return [];
  const { service, url } = endpoint;
  const subject = `service '${service}'`;
  if (isTlsFailure(failure)) {
    const message = `The certificate of ${url} is not trusted here (${failure.systemCode ?? ''}).`;
    const fix = `In clouds.yaml, under clouds.${facts.cloud.name}: cacert: FILE with the authority that signed it`;
    return [finding('tls_untrusted', subject, message, fix)];
  }
  const why = failure.systemCode ?? 'no complete reply in time';
  const message = `${url} does not answer (${why}).`;
  const fix = `curl -v ${quoted(url)}; where the address is wrong: openstack endpoint list --service ${service}, openstack endpoint set --url URL ENDPOINT`;
  return [finding('endpoint_unreachable', subject, message, fix)];
}

/** One finding for each service that answers, but not as it should; refusals of rights are told elsewhere. */
function failing(facts: Facts): readonly Finding[] {
  const odd = facts.failures.filter(
    (failure) =>
      !EXPECTED.has(failure.code) &&
      silenceOf(facts, failure.service) === null &&
      !isVersionRefusal(facts, failure),
  );
  const byService = Map.groupBy(odd, ({ service }) => service);
  return [...byService].map(([service, failures]) => {
    const [first] = failures;
    const what = some(failures.map((failure) => failure.what));
    const message = `It does not give ${what}: ${first?.message ?? ''}.`;
    const fix = `The log of the service '${service}' at the time of the call; then berth doctor again`;
    return finding('service_failing', `service '${service}'`, message, fix);
  });
}

/** Refusals say something of rights, and what is not there need not be. */
const EXPECTED: ReadonlySet<CallFailure['code']> = new Set(['forbidden', 'not_found', 'unauthorized']);

function isVersionRefusal(facts: Facts, failure: CallFailure): boolean {
  return failure.code === 'unsupported' && tooOld(facts).length > 0;
}

function tooOld(facts: Facts): readonly Finding[] {
  const found: Finding[] = [];
  const nova = facts.computeVersions;
  if (nova !== null && !isAtLeast(nova.max, NOVA_MICROVERSION)) {
    const speaks = nova.max === '' ? 'no microversions' : `${nova.min} to ${nova.max}`;
    const message = `Nova speaks ${speaks}; Berth needs ${NOVA_MICROVERSION}.`;
    found.push(
      finding(
        'microversion_too_old',
        "service 'compute'",
        message,
        'Upgrade Nova to 22.0 (Victoria) or newer',
      ),
    );
  }
  const placement = facts.placementVersions;
  if (placement !== null && !isAtLeast(placement.max, PLACEMENT_MICROVERSION)) {
    const message = `Placement speaks ${placement.min} to ${placement.max}; Berth needs ${PLACEMENT_MICROVERSION}.`;
    const fix = 'Upgrade Placement to 2.0 (Train) or newer';
    found.push(finding('placement_too_old', "service 'placement'", message, fix));
  }
  return found;
}

function isAtLeast(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}
