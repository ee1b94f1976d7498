import type { FreezeJson, StatusJson } from '../../api/admin.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { booleanCell, linesCell, numberCell, shownAs, textCell, type Cell } from '../format/cell.ts';
import { printShow, showOptions } from '../format/output.ts';
import { argumentsOf } from '../specs.ts';
import { relativeTime } from '../when.ts';

export const status = defineCommand({
  path: ['status'],
  summary: 'Show the state of the service, its clouds, and who you are to it',
  examples: ['berth status', 'berth status -f json'],
  args: {},
  options: showOptions,
  async run(context, { options }) {
    const state = await context.client.getStatus();
    const { nowMs } = context;
    const { actor, freeze, clock_doubt: doubt } = state;
    printShow(context, options, [
      ['version', textCell(state.version)],
      ['ready', { ...booleanCell(state.ready), tone: state.ready ? 'good' : 'warn' }],
      ['mode', modeCell(state)],
      ['frozen', freezeCell(freeze, nowMs)],
      ['leases', leasesCell(state.lease_counts)],
      ['providers', providersCell(state, nowMs)],
      ['clock_doubt', doubt === null ? textCell(null) : doubtCell(doubt)],
      ['planned_steps', plannedCell(state)],
      ['actor', shownAs({ ...actor }, `${actor.user_name}, ${actor.role} of project ${actor.project_name}`)],
      [
        'open',
        shownAs(
          state.open,
          state.open ? 'yes: everybody on this machine is admin (demo)' : 'no',
          state.open ? 'warn' : null,
        ),
      ],
      ['deployment_id', textCell(state.deployment_id)],
      ['revision', numberCell(state.revision)],
      ['now', textCell(state.now)],
    ]);
  },
});

export const freeze = defineCommand({
  path: ['freeze'],
  summary: 'Stop all endings, reclaims, sweeps, and starts until thaw',
  description: 'For when something looks wrong. What runs goes on running; requests wait.',
  examples: ["berth freeze 'the cloud loses servers, looking into it'"],
  args: { reason: argumentsOf('REASON', 'Why; people who wait are shown it.') },
  options: {},
  async run(context, { args }) {
    const reply = await context.client.freeze({ reason: args.reason.join(' ') });
    sayFreeze(context, reply.freeze);
  },
});

export const thaw = defineCommand({
  path: ['thaw'],
  summary: 'End the freeze',
  examples: ['berth thaw'],
  args: {},
  options: {},
  async run(context) {
    const reply = await context.client.thaw();
    sayFreeze(context, reply.freeze);
  },
});

function sayFreeze(context: CliContext, state: FreezeJson): void {
  context.note(
    state.frozen
      ? "The service is frozen. End it with 'berth thaw'."
      : 'The service is not frozen: starts and endings go on.',
  );
}

function modeCell({ mode, mode_reason: reason }: StatusJson): Cell {
  if (mode === 'act') return shownAs(mode, 'act');
  return shownAs(
    mode,
    `observe: nothing is written to any cloud${reason === null ? '' : ` (${reason})`}`,
    'warn',
  );
}

/** What the service would do if it were allowed to; empty while it acts. */
function plannedCell({ planned_steps: steps }: StatusJson): Cell {
  if (steps.length === 0) return textCell(null);
  return linesCell(steps.map(({ lease_id: id, step, why }) => `${id.slice(0, 8)}: ${step} (${why})`));
}

function freezeCell(state: FreezeJson, nowMs: number): Cell {
  if (!state.frozen || state.since === null) return shownAs({ ...state }, 'no');
  const since = relativeTime(Date.parse(state.since), nowMs);
  return shownAs({ ...state }, `yes, ${since} by ${state.actor ?? 'unknown'}: ${state.reason ?? ''}`, 'bad');
}

function doubtCell(doubt: NonNullable<StatusJson['clock_doubt']>): Cell {
  const seconds = Math.round(doubt.divergence_ms / 1000);
  return shownAs(
    { ...doubt },
    `since ${doubt.since} the clocks differ by ${seconds} s: no lease ends until that is settled`,
    'bad',
  );
}

function leasesCell(counts: StatusJson['lease_counts']): Cell {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return shownAs(
    { ...counts },
    some.length === 0 ? 'none' : some.map(([state, count]) => `${count} ${state}`).join(', '),
  );
}

function accountLines({ account }: StatusJson['providers'][number]): readonly string[] {
  if (account === null) return [];
  const { rights, missing, ownership, placement } = account;
  const seen = rights === 'full' ? 'full rights' : `member rights, not ${missing.join(', ')}`;
  const where = account.project_name === null ? '' : ` in project ${account.project_name}`;
  return [`  as ${account.user_name}${where}: ${seen}; ownership ${ownership}; placement ${placement}`];
}

function providersCell({ providers }: StatusJson, nowMs: number): Cell {
  const lines = providers.flatMap((provider) => {
    const seen =
      provider.observed_at === null
        ? 'not seen yet'
        : `seen ${relativeTime(Date.parse(provider.observed_at), nowMs)}`;
    const state = provider.reachable
      ? seen
      : `unreachable, ${seen}${provider.error === null ? '' : `: ${provider.error}`}`;
    return [
      `${provider.id} (${provider.kind}): ${state}`,
      ...accountLines(provider),
      ...provider.warnings.map((warning) => `  warning: ${warning}`),
    ];
  });
  const tone = providers.every(({ reachable }) => reachable) ? null : 'bad';
  return { ...linesCell(lines, tone), value: providers.map((provider) => ({ ...provider })) };
}
