import { adopt } from './commands/adopt.ts';
import { backup, restore } from './commands/backup.ts';
import { borrow } from './commands/borrow.ts';
import { completionOf } from './commands/completion.ts';
import { eventList } from './commands/event.ts';
import { explain } from './commands/explain.ts';
import { findingList } from './commands/finding.ts';
import { flavorList, flavorShow } from './commands/flavor.ts';
import { profileList, profileShow } from './commands/image-profile.ts';
import { hostDrain, hostUndrain } from './commands/host-drain.ts';
import { hostList, hostShow } from './commands/host.ts';
import {
  leaseDelete,
  leaseExtend,
  leaseKeep,
  leaseShelve,
  leaseTicketClear,
  leaseTicketSet,
  leaseUnshelve,
} from './commands/lease-change.ts';
import { leaseCreate } from './commands/lease-create.ts';
import { leaseList, leaseShow } from './commands/lease-list.ts';
import { passthroughPlan } from './commands/passthrough-plan.ts';
import { projectAdd, projectRemove } from './commands/project-grant.ts';
import { projectSet, projectShow } from './commands/project-limits.ts';
import { projectList } from './commands/project.ts';
import { queueList } from './commands/queue.ts';
import { rebuild } from './commands/rebuild.ts';
import { returnLease } from './commands/return.ts';
import { doctor } from './commands/doctor-command.ts';
import { configCheck, configPrint, serve, version } from './commands/serve.ts';
import { freeze, status, thaw } from './commands/service.ts';
import { storeMigrate } from './commands/store-migrate.ts';
import { ssh } from './commands/ssh.ts';
import { usageShow } from './commands/usage.ts';
import { tokenCreate, tokenList, tokenRevoke } from './commands/token.ts';
import type { Section } from './help.ts';

/** Every command, in the order of the help and of the reference page. */
export const sections: readonly Section[] = [
  {
    title: 'Borrow',
    commands: [
      borrow,
      ssh,
      returnLease,
      leaseList,
      leaseShow,
      leaseCreate,
      leaseExtend,
      leaseShelve,
      leaseUnshelve,
      leaseTicketSet,
      leaseTicketClear,
      leaseKeep,
      leaseDelete,
    ],
  },
  {
    title: 'See what there is, and why you wait',
    commands: [flavorList, flavorShow, profileList, profileShow, queueList, explain, eventList, usageShow],
  },
  {
    title: 'Operate',
    commands: [
      status,
      hostList,
      hostShow,
      hostDrain,
      hostUndrain,
      freeze,
      thaw,
      findingList,
      adopt,
      rebuild,
      projectList,
      projectShow,
      projectSet,
      projectAdd,
      projectRemove,
      tokenCreate,
      tokenList,
      tokenRevoke,
    ],
  },
  {
    title: 'Run the service',
    commands: [
      serve,
      doctor,
      passthroughPlan,
      backup,
      restore,
      storeMigrate,
      configCheck,
      configPrint,
      completionOf(() => sections),
      version,
    ],
  },
];
