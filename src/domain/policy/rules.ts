/**
 * How long a lease lasts and what becomes of it: the operator's rules, by project, GPU class, and role of who
 * asks. For each question the first rule counts that matches and answers it, then the general setting; so
 * special rules stand before general ones, and a rule need not repeat what it does not change.
 */
import { formatDuration } from '../../base/units.ts';
import { refuse } from '../decision.ts';
import type { AtEnd, Demand } from '../model/lease.ts';
import type { Role } from '../model/token.ts';
import type { World } from '../world.ts';

/** One entry of `leases.rules`. Of `match`, null: any; of the rest, null: not said here. */
export interface LeaseRule {
  readonly match: {
    /** Id or name. */
    readonly project: string | null;
    readonly gpuClass: string | null;
    readonly role: Role | null;
  };
  readonly defaultDurationMs: number | null;
  readonly maxDurationMs: number | null;
  readonly atEnd: AtEnd | null;
  /** 0: its leases are not renewed. */
  readonly renewMs: number | null;
}

/** What holds for the leases of somebody. */
export interface Terms {
  /** Of a request that does not say how long; null: it has to. */
  readonly defaultDurationMs: number | null;
  /** From the moment that it is active. */
  readonly maxDurationMs: number;
  /** Where the maximum comes from, as a clause: `a lease of project lab2 …`. */
  readonly maxFor: string;
  readonly atEnd: AtEnd;
  /** By how much a lease is renewed that nobody waits for; 0: it is not. */
  readonly renewMs: number;
}

/** Whose lease, of which cards. */
export interface Whose {
  readonly projectId: Parameters<World['projects']['get']>[0];
  readonly role: Role;
  readonly demand: Pick<Demand, 'devices'>;
}

/** Pure: by the settings and the names of the projects. */
export function termsFor(world: World, whose: Whose): Terms {
  const { settings } = world;
  const rules = settings.rules.filter((rule) => matches(world, rule, whose));
  const said = <T>(pick: (rule: LeaseRule) => T | null): T | null => {
    for (const rule of rules) {
      const answer = pick(rule);
      if (answer !== null) return answer;
    }
    return null;
  };
  const limiting = rules.find(({ maxDurationMs }) => maxDurationMs !== null);
  const maxDurationMs = limiting?.maxDurationMs ?? settings.leaseDurationMsMax;
  const wished = said((rule) => rule.defaultDurationMs) ?? settings.leaseDurationMsDefault;
  return {
    // A general default is no reason to refuse what a special maximum allows.
    defaultDurationMs: wished === null ? null : Math.min(wished, maxDurationMs),
    maxDurationMs,
    maxFor: limiting === undefined ? 'A lease' : `A lease ${matchText(limiting)}`,
    atEnd: said((rule) => rule.atEnd) ?? settings.atEnd,
    renewMs: said((rule) => rule.renewMs) ?? settings.renewMs,
  };
}

/** As the terms allow; null: it is not too long. */
export function refuseTooLong(durationMs: number, terms: Terms): ReturnType<typeof refuse> | null {
  if (durationMs <= terms.maxDurationMs) return null;
  const most = formatDuration(terms.maxDurationMs);
  return refuse(
    'duration_too_long',
    `${terms.maxFor} can last ${most} at most.`,
    `Ask for ${most} or less.`,
    'duration',
    { limit_s: terms.maxDurationMs / 1000 },
  );
}

function matches(world: World, { match }: LeaseRule, { projectId, role, demand }: Whose): boolean {
  if (match.role !== null && match.role !== role) return false;
  if (match.gpuClass !== null && !((demand.devices[match.gpuClass] ?? 0) > 0)) return false;
  if (match.project === null || match.project === projectId) return true;
  return world.projects.get(projectId)?.name === match.project;
}

function matchText({ match }: LeaseRule): string {
  const parts = [
    match.project === null ? null : `of project ${match.project}`,
    match.gpuClass === null ? null : `with ${match.gpuClass}`,
    match.role === null ? null : `asked for by a ${match.role}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? 'by the first rule' : parts.join(' ');
}
