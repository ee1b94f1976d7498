import type { Facts, NamedProject } from './facts.ts';

/**
 * The projects in which servers of leases are made, as far as the account can tell: its own with ownership
 * `service`; else those of the configuration, and with ownership `project` all others on which it has a role.
 */
export function lendingProjects(facts: Facts): readonly NamedProject[] {
  const { cloud, token } = facts;
  if (token === null || token.projectId === null) return [];
  const own = { id: token.projectId, name: token.projectName ?? token.projectId };
  if (cloud.ownership === 'service') return [own];
  const wanted = [...facts.wantedProjects.values()].filter((project) => project !== null);
  const granted =
    cloud.ownership === 'project' ? (facts.ownProjects ?? []).filter(({ id }) => id !== own.id) : [];
  return [...new Map([...wanted, ...granted].map((project) => [project.id, project])).values()];
}

/** The external network that floating IPs would come from; null: none is wanted, or it is not clear which. */
export function chosenExternal(facts: Facts): { readonly id: string; readonly name: string } | null {
  const wanted = facts.cloud.externalNetwork;
  if (wanted === 'none') return null;
  const fitting = externalCandidates(facts);
  return fitting.length === 1 ? (fitting[0] ?? null) : null;
}

/** External networks that the setting could mean. */
export function externalCandidates(facts: Facts): readonly NamedProject[] {
  const wanted = facts.cloud.externalNetwork;
  const external = facts.networks?.filter((network) => network.isExternal) ?? [];
  if (wanted === 'auto') return external;
  const byId = external.filter(({ id }) => id === wanted);
  return byId.length > 0 ? byId : external.filter(({ name }) => name === wanted);
}
