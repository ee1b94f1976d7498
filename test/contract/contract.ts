/**
 * What Berth relies on of an OpenStack cloud, each as a fact with a name: the adapter (src/openstack) over
 * real HTTP, against whatever cloud it is given. It runs on the simulation and on a real OpenStack; where the
 * two differ, the simulation is wrong.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { accessContract } from './access.ts';
import { createBench, type Bench } from './bench.ts';
import { factsContract } from './facts.ts';
import { faultsContract } from './faults.ts';
import { identityContract } from './identity.ts';
import { livesContract } from './lives.ts';
import type { ContractTarget, FaultStatus } from './target.ts';

export interface OpenedTarget {
  readonly target: ContractTarget;
  readonly close: () => Promise<void>;
}

export function cloudContract(
  title: string,
  open: () => Promise<OpenedTarget>,
  how: { readonly openMs: number; readonly testMs: number; readonly statuses: readonly FaultStatus[] },
): void {
  describe(title, { timeout: how.testMs }, () => {
    let opened: OpenedTarget | undefined;
    let made: Bench | undefined;
    const bench = (): Bench => {
      if (made === undefined) throw new Error('the cloud is not open yet');
      return made;
    };
    beforeAll(async () => {
      opened = await open();
      made = createBench(opened.target);
    }, how.openMs);
    afterAll(() => opened?.close());
    identityContract(bench);
    livesContract(bench);
    factsContract(bench);
    accessContract(bench);
    faultsContract(bench, how.statuses);
  });
}
