import type { ProviderSnapshot } from '../engine/ports.ts';
import { markedThings } from './strays.ts';

/** Deployments that the reason names; the rest is counted. */
const DEPLOYMENTS_NAMED_MAX = 3;

/** Why an empty store should only observe this cloud; null: nothing there carries a Berth mark. */
export function emptyStoreReason(snapshot: ProviderSnapshot): string | null {
  const things = markedThings(snapshot);
  if (things.length === 0) return null;
  const deployments = [...new Set(things.map(({ mark }) => mark.deploymentId))].toSorted();
  const named = deployments.slice(0, DEPLOYMENTS_NAMED_MAX).join(', ');
  const more =
    deployments.length > DEPLOYMENTS_NAMED_MAX
      ? ` and ${deployments.length - DEPLOYMENTS_NAMED_MAX} more`
      : '';
  return (
    `the store is empty, but the cloud has ${things.length} objects with a mark of Berth ` +
    `(deployment ${named}${more}): adopt them with \`berth adopt\`, or start with \`berth serve --mode act\``
  );
}
