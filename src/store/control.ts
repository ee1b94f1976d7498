/** What a new store begins with. */
import type { Control } from '../domain/model/control.ts';

/** The switches of a store that was just made. */
export function newControl(deploymentId: string): Control {
  return {
    deploymentId,
    freeze: null,
    clockDoubt: null,
    mode: { kind: 'act' },
    monthFromMs: null,
    queueSeq: 0,
    grantSeq: 0,
    eventFloor: null,
  };
}

/** Marks everything that the deployment makes outside: `berth:<id>:<lease>` fits into a Nova tag (60). */
export function newDeploymentId(uuid: string): string {
  return uuid.replaceAll('-', '').slice(0, 12);
}
