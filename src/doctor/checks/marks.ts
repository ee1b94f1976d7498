import { markOf } from '../../openstack/marks.ts';
import type { Facts } from '../facts.ts';
import { finding, some, type Finding } from '../finding.ts';

/** Whose marks the servers of the cloud carry. */
export function checkMarks(facts: Facts): readonly Finding[] {
  const marked = (facts.servers ?? []).flatMap((server) => {
    const mark = markOf(server);
    return mark === null ? [] : [{ server, deploymentId: mark.deploymentId }];
  });
  const others = marked.filter(({ deploymentId }) => deploymentId !== facts.deploymentId);
  const byDeployment = Map.groupBy(others, ({ deploymentId }) => deploymentId);
  return [...byDeployment].map(([deploymentId, found]) => {
    const names = some(
      found.map(({ server }) => server.name || server.id),
      3,
    );
    const count = found.length === 1 ? '1 server carries' : `${found.length} servers carry`;
    const subject = `deployment '${deploymentId}'`;
    if (facts.deploymentId === null) {
      const message = `${count} the mark of ${deploymentId} (${names}), and there is no store here that knows them.`;
      const fix =
        'Restore the backup of that store into the data folder; else start with --mode observe, and berth adopt';
      return finding('marks_without_store', subject, message, fix);
    }
    const message = `${count} the mark of ${deploymentId} (${names}); the store here is ${facts.deploymentId}.`;
    const fix = `Stop the other Berth; for what is left over: openstack server list --all-projects --tags-any berth:${deploymentId}:LEASE, berth adopt`;
    return finding('foreign_deployment', subject, message, fix);
  });
}
