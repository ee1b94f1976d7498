/** The contract of Berth with its clouds, on the simulated one. */
import { systemClock } from '../../src/base/clock.ts';
import { createPrng } from '../../src/base/prng.ts';
import { SimCloud } from '../../src/sim/cloud.ts';
import { NO_FAULTS, type ArmedFault } from '../../src/sim/faults.ts';
import { listenSimCloud } from '../../src/sim/listen.ts';
import { REALISTIC_TIMINGS, type SimTimings } from '../../src/sim/world.ts';
import { cloudContract, type OpenedTarget } from '../contract/contract.ts';
import { CALL_OF, STATUSES, type ContractTarget, type FaultStatus, type Pace } from '../contract/target.ts';

const PACE: Pace = { pollMs: 20, shortTimeoutMs: 400, lateMs: 500, lostCallMs: 1000 };

/** Long enough to be seen between two looks. */
const TIMINGS: SimTimings = {
  ...REALISTIC_TIMINGS,
  scheduleMs: [60, 100],
  spawnMs: [60, 100],
  shelveMs: [60, 100],
  offloadMs: [20, 40],
  deleteMs: [40, 60],
};

const KIND_OF: Readonly<Partial<Record<FaultStatus, ArmedFault['kind']>>> = {
  409: 'conflict',
  429: 'rateLimited',
  500: 'serverError',
  502: 'badGateway',
  504: 'gatewayTimeout',
};

cloudContract('the contract, on the simulated cloud', openSimulation, {
  openMs: 10_000,
  testMs: 20_000,
  statuses: STATUSES,
});

async function openSimulation(): Promise<OpenedTarget> {
  const cloud = new SimCloud({ timings: TIMINGS });
  cloud.faultPolicy = { ...NO_FAULTS, replyMs: [0, 2], lateMs: [PACE.lateMs, PACE.lateMs] };
  const options = { host: '127.0.0.1', port: 0, clock: systemClock, prng: createPrng(1) };
  const listener = await listenSimCloud(cloud, options);
  const target: ContractTarget = {
    authUrl: `${listener.url}/identity/v3`,
    account: (name) => ({ user: name, password: name, project: name }),
    fault: async (fault) => {
      const { method, path } = CALL_OF[fault.step];
      const kind = 'delayMs' in fault ? 'acceptedLate' : KIND_OF[fault.status];
      if (kind === undefined) throw new Error(`the simulation does not make ${JSON.stringify(fault)}`);
      cloud.arm({ kind, method, pathContains: path });
    },
    // What is armed is used up by the next call.
    clearFaults: async () => {},
    pace: PACE,
  };
  const close = async (): Promise<void> => {
    cloud.audit();
    await listener.close();
  };
  return { target, close };
}
