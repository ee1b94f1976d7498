/** Whether a machine has become what it was asked to be: by its console, or by what it has called. */
import { unreachable } from '../../base/assert.ts';
import type { Lease } from '../../domain/model/lease.ts';
import { NO_SETUP } from '../../domain/model/setup.ts';
import type { Readiness } from '../../engine/ports.ts';
import { hear, NOTHING_HEARD, readConsoleSetup, stepText, type SetupHeard } from '../../profiles/progress.ts';

/** What of a console can be said of it; `why`: it cannot be read now. */
export type ConsoleText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'unreadable'; readonly why: string };

/** Whether the machine has to be set up at all; one that comes back from the shelf has been. */
export function isToBeSetUp({ request, state }: Lease): boolean {
  const { profiles } = request.setup ?? NO_SETUP;
  return profiles.length > 0 && state.kind === 'starting' && !state.comeback;
}

/** As the machine has told by calls. */
export function judgeCalls({ state }: Lease): Readiness {
  const words = state.kind === 'starting' ? (state.setupWords ?? []) : [];
  return judge(words.reduce(hear, NOTHING_HEARD));
}

export function judgeConsole(console: ConsoleText): Readiness {
  return console.kind === 'text' ? judge(readConsoleSetup(console.text)) : { ready: false, why: console.why };
}

function judge({ report, notes }: SetupHeard): Readiness {
  switch (report.kind) {
    case 'silent':
    case 'step':
      return { ready: false, why: stepText(report) };
    case 'done':
      return { ready: true, notes };
    case 'failed':
      return { ready: false, why: `its set-up has failed: ${report.why}`, failed: true };
    default:
      return unreachable(report);
  }
}
