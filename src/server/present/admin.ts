import type { FindingListJson, FreezeJson, ProjectJson, StatusJson, TokenJson } from '../../api/admin.ts';
import { formatTime } from '../../base/units.ts';
import type { Control } from '../../domain/model/control.ts';
import type { Finding } from '../../domain/model/finding.ts';
import type { Project } from '../../domain/model/project.ts';
import type { Token } from '../../domain/model/token.ts';
import type { CloudAccount } from '../../engine/cloud-account.ts';
import type { CloudCaller } from '../../engine/ports.ts';
import type { StatusView } from '../../engine/views.ts';
import type { UserActor } from '../options.ts';
import { limitsToJson, someLimitsToJson } from './limits.ts';
import { timeOrNull } from './time.ts';

/** What the status says beside what the engine knows. */
export interface ServiceFacts {
  readonly version: string;
  readonly ready: boolean;
  readonly open: boolean;
  /** What a cloud says of the caller; null: nothing. */
  readonly cloud: CloudCaller | null;
}

export function statusToJson(view: StatusView, caller: UserActor, facts: ServiceFacts): StatusJson {
  const { control } = view;
  return {
    version: facts.version,
    deployment_id: control.deploymentId,
    revision: view.revision,
    now: formatTime(view.nowMs),
    ready: facts.ready,
    open: facts.open,
    mode: control.mode.kind,
    mode_reason: control.mode.kind === 'observe' ? control.mode.reason : null,
    freeze: freezeToJson(control),
    clock_doubt: control.clockDoubt && {
      since: formatTime(control.clockDoubt.sinceMs),
      divergence_ms: control.clockDoubt.divergenceMs,
    },
    lease_counts: view.leaseCounts,
    providers: view.providers.map((provider) => ({
      id: provider.id,
      kind: provider.kind,
      reachable: provider.reachable,
      observed_at: timeOrNull(provider.observedAtMs),
      error: provider.error,
      warnings: [...provider.warnings],
      account: provider.account && accountToJson(provider.account),
    })),
    planned_steps: view.plannedSteps.map(({ leaseId, step, why }) => ({ lease_id: leaseId, step, why })),
    actor: actorToJson(caller, facts.cloud),
  };
}

function actorToJson(caller: UserActor, cloud: CloudCaller | null): StatusJson['actor'] {
  const { userId, projectId, role } = caller;
  return {
    user_id: userId,
    user_name: cloud?.userName ?? userId,
    project_id: projectId,
    project_name: cloud?.projectName ?? projectId,
    role,
    admin_of: caller.adminOf ?? null,
  };
}

function accountToJson(account: CloudAccount): NonNullable<StatusJson['providers'][number]['account']> {
  const { rights, ownership, placement } = account;
  return {
    user_id: account.userId,
    user_name: account.userName,
    project_id: account.projectId,
    project_name: account.projectName,
    roles: [...account.roles],
    rights,
    missing: [...account.missing],
    ownership,
    placement,
  };
}

export function freezeToJson(control: Control): FreezeJson {
  const { freeze } = control;
  return {
    frozen: freeze !== null,
    since: timeOrNull(freeze?.sinceMs ?? null),
    reason: freeze?.reason ?? null,
    actor: freeze?.actor ?? null,
  };
}

export function projectToJson(project: Project): ProjectJson {
  const users = Object.entries(project.users).map(([id, limits]) => [id, someLimitsToJson(limits)]);
  return {
    id: project.id,
    name: project.name,
    limits: limitsToJson(project.limits),
    per_user: limitsToJson(project.perUser),
    users: Object.fromEntries(users),
  };
}

/** Never with the hash of its secret. */
export function tokenToJson(token: Token): TokenJson {
  return {
    id: token.id,
    name: token.name,
    project_id: token.projectId,
    role: token.role,
    created_at: formatTime(token.createdAtMs),
    created_by: token.createdBy,
    expires_at: formatTime(token.expiresAtMs),
  };
}

export function findingToJson(finding: Finding): FindingListJson['findings'][number] {
  return {
    id: finding.id,
    code: finding.code,
    subject: finding.subject,
    message: finding.message,
    since: formatTime(finding.sinceMs),
  };
}
