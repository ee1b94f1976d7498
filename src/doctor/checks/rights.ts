import type { CallFailure, Facts } from '../facts.ts';
import { finding, quoted, setting, some, type Finding } from '../finding.ts';
import { lendingProjects } from '../lending.ts';

/** Keystone's ids are UUIDs without dashes; other words under `projects` belong to tokens of Berth. */
const KEYSTONE_ID = /^[0-9a-f]{32}$/;

/** Whether the account may do what the settings want of it. */
export function checkRights(facts: Facts): readonly Finding[] {
  const { token } = facts;
  if (token === null || token.projectId === null) return [];
  return [...limited(facts), ...pinned(facts), ...projects(facts)];
}

function limited(facts: Facts): readonly Finding[] {
  const user = facts.token?.userName ?? '';
  const project = facts.token?.projectName ?? '';
  const fix = `openstack role add --user ${quoted(user)} --project ${quoted(project)} admin`;
  const found: Finding[] = [];
  const hidden = refusals(facts, 'compute').filter(({ what }) => !what.includes('quota'));
  if (hidden.length > 0 && facts.cloud.declaredHosts === 0) {
    const roles = facts.token?.roles ?? [];
    const message = `Nova refuses ${some(hidden.map(({ what }) => what))} to '${user}', whose roles on '${project}' are ${some(roles)}; no hosts are declared either.`;
    found.push(finding('rights_limited', `user '${user}'`, message, fix));
  }
  const inPlacement = refusals(facts, 'placement');
  if (inPlacement.length > 0 && hidden.length === 0) {
    const message = `Placement refuses ${some(inPlacement.map(({ what }) => what))} to '${user}'.`;
    found.push(finding('placement_forbidden', `user '${user}'`, message, fix));
  }
  return found;
}

function refusals(facts: Facts, service: string): readonly CallFailure[] {
  return facts.failures.filter((failure) => failure.service === service && failure.code === 'forbidden');
}

function pinned(facts: Facts): readonly Finding[] {
  const { cloud, token } = facts;
  if (cloud.placement !== 'pinned' || token === null) return [];
  const subject = `cloud '${cloud.name}'`;
  if (cloud.ownership === 'trust') {
    const message = `placement is 'pinned' and ownership 'trust': Nova refuses to pin with a trust's token.`;
    return [finding('pinned_with_trust', subject, message, setting(cloud.name, 'ownership', 'project'))];
  }
  const roles = facts.rolesByProject;
  const lacking =
    cloud.ownership === 'service' || roles === null
      ? token.roles.includes('admin')
        ? []
        : [{ id: token.projectId ?? '', name: token.projectName ?? '' }]
      : lendingProjects(facts).filter(({ id }) => {
          const own = roles.get(id);
          return own !== undefined && !own.includes('admin');
        });
  return lacking.map(({ id, name }) => {
    const message = `placement is 'pinned', but '${token.userName}' has no role admin on project '${name}'.`;
    const fix = `openstack role add --user ${token.userId} --project ${id} admin; or ${setting(cloud.name, 'placement', 'nova')}`;
    return finding('pinned_without_admin', `project '${name}'`, message, fix);
  });
}

function projects(facts: Facts): readonly Finding[] {
  const { cloud, token, ownProjects, wantedProjects } = facts;
  const found: Finding[] = [];
  for (const [word, project] of wantedProjects) {
    const isNamedByHand = project === null && !KEYSTONE_ID.test(word) && cloud.ownership === 'service';
    if (project === null && !isNamedByHand) {
      const message = `Keystone has no project '${word}'.`;
      const fix = `openstack project list; then the id in the configuration: projects: [{id: ID}]`;
      found.push(finding('project_unknown', `project '${word}'`, message, fix));
    }
  }
  if (cloud.ownership !== 'project' || token === null || ownProjects === null) return found;
  const granted = new Set(ownProjects.map(({ id }) => id));
  for (const project of wantedProjects.values()) {
    if (project === null || granted.has(project.id)) continue;
    const message = `'${token.userName}' has no role on project '${project.name}' (${project.id}).`;
    const fix = `berth project add ${quoted(project.name)}, or openstack role add --user ${token.userId} --project ${project.id} member`;
    found.push(finding('project_without_role', `project '${project.name}'`, message, fix));
  }
  if (wantedProjects.size === 0 && ownProjects.every(({ id }) => id === token.projectId)) {
    const message = `'${token.userName}' has a role on its own project '${token.projectName ?? ''}' only.`;
    found.push(
      finding('projects_none', `user '${token.userName}'`, message, 'berth project add PROJECT for each'),
    );
  }
  return found;
}
