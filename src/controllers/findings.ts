import { asId, type LeaseId, type ProviderId } from '../base/ids.ts';
import type { Finding } from '../domain/model/finding.ts';
import { give, type Context } from './context.ts';

/** What the controllers report to the operator. */
export type FindingCode =
  /** Somebody else stopped, shelved, unshelved … the server of a lease. */
  | 'changed_outside'
  /** The server of a lease cannot be shelved, whatever was tried. */
  | 'shelve_failing'
  /** The things of a lease cannot be taken away, whatever was tried. */
  | 'end_failing'
  /** Marked as ours, but nothing tells that we made it: can be adopted. */
  | 'orphan'
  /** Objects of another deployment of Berth. */
  | 'foreign_deployment'
  /** The books contradict themselves: a defect of ours. */
  | 'invariant_broken';

export interface WantedFinding {
  readonly code: FindingCode;
  readonly subject: string;
  readonly message: string;
}

export function leaseSubject(leaseId: LeaseId): string {
  return `lease/${leaseId}`;
}

/** The way back; an id that no lease has where the subject is something else. */
export function leaseOfSubject(subject: string): LeaseId {
  return asId(subject.slice(subject.indexOf('/') + 1));
}

/** Things outside are named with their provider, as hosts are. */
export function outsideSubject(
  kind: 'server' | 'port' | 'floating-ip' | 'deployment',
  providerId: ProviderId,
  id: string,
): string {
  return `${kind}/${providerId}:${id}`;
}

export async function raiseFinding(context: Context, name: string, wanted: WantedFinding): Promise<void> {
  const { core } = context;
  const id = findingId(wanted.code, wanted.subject);
  const known = core.world.findings.get(id);
  if (known?.message === wanted.message) return;
  const finding: Finding = { ...wanted, id: asId(id), sinceMs: known?.sinceMs ?? core.nowMs() };
  await give(context, name, { type: 'finding.raise', finding });
}

export async function clearFinding(
  context: Context,
  name: string,
  code: FindingCode,
  subject: string,
): Promise<void> {
  if (!context.core.world.findings.has(findingId(code, subject))) return;
  await give(context, name, { type: 'finding.clear', code, subject });
}

/** Makes the findings that `owns` accepts equal to the wanted ones; a command only for each difference. */
export async function replaceFindings(
  context: Context,
  name: string,
  owns: (finding: Finding) => boolean,
  wanted: readonly WantedFinding[],
): Promise<void> {
  const keep = new Set(wanted.map(({ code, subject }) => findingId(code, subject)));
  const stale = [...context.core.world.findings.values()].filter(
    (finding) => owns(finding) && !keep.has(finding.id),
  );
  for (const { code, subject } of stale) await give(context, name, { type: 'finding.clear', code, subject });
  for (const finding of wanted) await raiseFinding(context, name, finding);
}

function findingId(code: string, subject: string): string {
  return `${code}:${subject}`;
}
