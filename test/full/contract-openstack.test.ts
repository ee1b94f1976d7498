/** The contract of Berth with its clouds, on a real OpenStack. */
import { cloudContract, type OpenedTarget } from '../contract/contract.ts';
import {
  CALL_OF,
  ONLY_REAL,
  RETRY_AFTER_S,
  STATUSES,
  type ContractTarget,
  type Pace,
} from '../contract/target.ts';
import { REAL_CLOUD_START_MS_MAX, startRealCloud, whyNoRealCloud } from '../support/real-cloud.ts';

/** A call takes up to a second on a busy machine. */
const PACE: Pace = { pollMs: 250, shortTimeoutMs: 4000, lateMs: 4500, lostCallMs: 9000 };

/** As Nova and its proxies send it with this status alone. */
const RETRY_AFTER = { 'Retry-After': String(RETRY_AFTER_S) };
const reason = whyNoRealCloud();
if (reason === null) {
  const limits = { openMs: REAL_CLOUD_START_MS_MAX, testMs: 180_000 };
  const statuses = [...STATUSES, ...ONLY_REAL];
  cloudContract('the contract, on a real OpenStack', openRealCloud, { ...limits, statuses });
} else {
  console.warn(`no real OpenStack here: it ${reason}`);
}

async function openRealCloud(): Promise<OpenedTarget> {
  const cloud = await startRealCloud();
  const target: ContractTarget = {
    authUrl: cloud.cloud('demo').auth.auth_url,
    account: (name) => {
      const { username, password, project_name: project } = cloud.cloud(name).auth;
      return { user: username, password, project };
    },
    fault: (fault) => {
      const { service, method, path } = CALL_OF[fault.step];
      const isCollection = !path.endsWith('/');
      const answer =
        'delayMs' in fault
          ? { delay: fault.delayMs / 1000 }
          : { status: fault.status, ...(fault.status === 429 && { headers: RETRY_AFTER }) };
      const rule = { method, path: `${path}${isCollection ? '(\\?|$)' : ''}`, times: 1, ...answer };
      return cloud.faults(service, [rule]);
    },
    clearFaults: () => cloud.clearFaults(),
    pace: PACE,
  };
  return { target, close: () => cloud.release() };
}
