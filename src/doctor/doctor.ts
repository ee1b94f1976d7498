/**
 * Examines a cloud for `berth doctor`: reads it with the server's own credentials and settings, and says what
 * will go wrong with it, with the exact mending of each. It only reads, and decides nothing for the server.
 */
import { checkAliases } from './checks/aliases.ts';
import { checkClock } from './checks/clock.ts';
import { checkFlavors } from './checks/flavors.ts';
import { checkHosts } from './checks/hosts.ts';
import { checkImages } from './checks/images.ts';
import { checkLogin } from './checks/login.ts';
import { checkMarks } from './checks/marks.ts';
import { checkNetworks } from './checks/networks.ts';
import { checkQuotas } from './checks/quotas.ts';
import { checkRights } from './checks/rights.ts';
import { checkServices } from './checks/services.ts';
import { checkSettings } from './checks/settings.ts';
import { collectFacts, type Examination } from './collect.ts';
import type { Severity } from './catalogue-entry.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';

/** In the order in which they are mended: what stands above may be the cause of what stands below. */
const CHECKS = [
  checkLogin,
  checkClock,
  checkServices,
  checkRights,
  checkSettings,
  checkHosts,
  checkAliases,
  checkFlavors,
  checkNetworks,
  checkImages,
  checkQuotas,
  checkMarks,
] as const;

const ORDER: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** Findings, errors first. Rejects only for defects of our own. */
export async function examine(examination: Examination): Promise<readonly Finding[]> {
  return judge(await collectFacts(examination));
}

/** From facts alone: pure. */
function judge(facts: Facts): readonly Finding[] {
  const found = CHECKS.flatMap((check) => check(facts));
  return found.toSorted((a, b) => ORDER[a.severity] - ORDER[b.severity]);
}
