/** Switches and records that only administrators (and Berth itself) change. */
import type { ProjectId, TokenId } from '../../base/ids.ts';
import type { Json } from '../../base/json.ts';
import type { UserCommand } from '../command.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import type { Control } from '../model/control.ts';
import type { Finding } from '../model/finding.ts';
import type { Limits } from '../model/limits.ts';
import type { Token } from '../model/token.ts';
import { isUnused } from '../world.ts';
import { schedule } from '../scheduler/pass.ts';
import { newProject } from '../model/project.ts';
import { DONE, type Handled } from './handled.ts';
import { countMonths } from './limits.ts';

export function freeze(draft: Draft, reason: string): Handled {
  const { control } = draft.world;
  if (control.freeze !== null) return DONE;
  putControl(draft, { freeze: { sinceMs: draft.nowMs, reason, actor: draft.actor } });
  draft.tell('service.frozen', 'control', 'control', reason);
  return DONE;
}

/** Also settles a doubt about the clock: who thaws has looked, and says that the wall clock is right. */
export function thaw(draft: Draft): Handled {
  if (draft.world.control.clockDoubt !== null) setClockDoubt(draft, null);
  if (draft.world.control.freeze !== null) {
    putControl(draft, { freeze: null });
    draft.tell('service.thawed', 'control', 'control', null);
  }
  schedule(draft);
  return DONE;
}

/**
 * Only a store that never knew a lease may: what others carry its own mark would be nobody's afterwards. The
 * rule of intents stays as it is: what is not adopted has no intent here, and is reported, never deleted.
 */
export function takeOver(draft: Draft, deploymentId: string): Handled {
  const { control } = draft.world;
  if (control.deploymentId === deploymentId) return DONE;
  if (!isUnused(draft.world)) {
    return refuse(
      'invalid_state',
      `This store has known leases as deployment ${control.deploymentId}.`,
      'Only an empty store can take the place of a lost one; adopt servers of another deployment by id.',
    );
  }
  putControl(draft, { deploymentId });
  draft.tell('service.taken_over', 'control', 'control', 'its store was lost', {
    deployment: deploymentId,
    instead_of: control.deploymentId,
  });
  return DONE;
}

/** `divergenceMs` null: a second source agrees again. */
export function setClockDoubt(draft: Draft, divergenceMs: number | null): Handled {
  const { clockDoubt } = draft.world.control;
  if ((clockDoubt === null) === (divergenceMs === null)) return DONE;
  if (divergenceMs === null) {
    putControl(draft, { clockDoubt: null });
    draft.tell('service.clock_trusted', 'control', 'control', 'a second source, or an operator, agrees');
  } else {
    putControl(draft, { clockDoubt: { sinceMs: draft.nowMs, divergenceMs } });
    draft.tell(
      'service.clock_doubted',
      'control',
      'control',
      'the wall clock and the monotonic clock disagree: nothing ends until a second source decides',
      {
        divergence_ms: Math.round(divergenceMs),
      },
    );
  }
  return DONE;
}

export function mode(draft: Draft, next: Control['mode']): Handled {
  if (draft.world.control.mode.kind === next.kind) return DONE;
  putControl(draft, { mode: next });
  draft.tell(`service.mode_${next.kind}`, 'control', 'control', next.kind === 'observe' ? next.reason : null);
  if (next.kind === 'act') schedule(draft);
  return DONE;
}

export function setProject(
  draft: Draft,
  command: Extract<UserCommand, { readonly type: 'project.set' }>,
): Handled {
  const known = draft.world.projects.get(command.projectId);
  const { projectId: id, name, limits, perUser, users } = command;
  const project = { id, name, limits, perUser, users, servedSeq: known?.servedSeq ?? 0 };
  draft.put({ entity: 'project', id, after: project });
  countMonths(draft);
  const type = known === undefined ? 'project.created' : 'project.changed';
  draft.tell(type, 'project', id, null, {
    limits: limitsJson(limits),
    per_user: limitsJson(perUser),
    users: Object.keys(users).length,
  });
  schedule(draft);
  return DONE;
}

/** Its cloud decides what it is called; its limits are Berth's. */
export function seeProject(draft: Draft, projectId: ProjectId, name: string): Handled {
  const known = draft.world.projects.get(projectId);
  if (known?.name === name) return DONE;
  const project = known === undefined ? newProject(projectId, name) : { ...known, name };
  draft.put({ entity: 'project', id: projectId, after: project });
  draft.tell(known === undefined ? 'project.created' : 'project.renamed', 'project', projectId, null, {
    name,
  });
  return DONE;
}

export function createToken(draft: Draft, token: Token): Handled {
  if (draft.world.tokens.has(token.id))
    return refuse('already_exists', `Token ${token.id} exists.`, 'Use another id.');
  draft.put({ entity: 'token', id: token.id, after: token });
  const { name, projectId, role } = token;
  draft.tell('token.created', 'token', token.id, null, { name, project: projectId, role });
  return DONE;
}

export function revokeToken(draft: Draft, tokenId: TokenId): Handled {
  const token = draft.world.tokens.get(tokenId);
  if (token === undefined)
    return refuse('not_found', `There is no token ${tokenId}.`, 'See `berth token list`.');
  draft.put({ entity: 'token', id: tokenId, after: null });
  draft.tell('token.revoked', 'token', tokenId, null, { name: token.name, project: token.projectId });
  return DONE;
}

export function raiseFinding(draft: Draft, finding: Finding): Handled {
  const known = draft.world.findings.get(finding.id);
  if (known !== undefined && known.message === finding.message) return DONE;
  draft.put({
    entity: 'finding',
    id: finding.id,
    after: known === undefined ? finding : { ...finding, sinceMs: known.sinceMs },
  });
  draft.tell('finding.raised', 'finding', finding.id, finding.message, {
    code: finding.code,
    subject: finding.subject,
  });
  return DONE;
}

export function clearFinding(draft: Draft, code: Finding['code'], subject: string): Handled {
  for (const finding of draft.world.findings.values()) {
    if (finding.code !== code || finding.subject !== subject) continue;
    draft.put({ entity: 'finding', id: finding.id, after: null });
    draft.tell('finding.cleared', 'finding', finding.id, null, { code, subject });
  }
  return DONE;
}

function limitsJson(limits: Limits): Json {
  const { gpusByClass, ...rest } = limits;
  return { ...rest, gpusByClass: { ...gpusByClass } };
}

function putControl(draft: Draft, part: Partial<Control>): void {
  draft.put({ entity: 'control', id: 'control', after: { ...draft.world.control, ...part } });
}
