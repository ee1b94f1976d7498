/** What a project, and its users, may take: set by administrators, shown to everybody in it. */
import type { ProjectJson } from '../../api/admin.ts';
import { LIMIT_MAX, type LimitsJson, type UseJson } from '../../api/limits.ts';
import { parseDuration, SECOND_MS } from '../../base/units.ts';
import { defineCommand, type OptionSpec } from '../command.ts';
import { UsageError } from '../failure.ts';
import { countsCell, linesCell, shownAs, textCell, type Cell } from '../format/cell.ts';
import { printShow, showOptions, type Field } from '../format/output.ts';
import { argument, duration, flag, limit, longFlag, text } from '../specs.ts';
import { durationCell, limitCell, NO_LIMITS } from './limit-cells.ts';

/** `--gpus 8`, `--gpus V100=4`: all together, and of single classes. */
interface GpuLimits {
  readonly all: number | 'none' | null;
  readonly classes: Readonly<Record<string, number | 'none'>>;
}

function limitOptions(prefix: '' | 'user-', whose: string) {
  return {
    gpus: gpusOption(
      `--${prefix}gpus LIMIT`,
      `Most GPUs${whose}: 8, V100=4 (repeat for more classes), or none.`,
    ),
    leases: limit(`--${prefix}leases NUMBER`, `Most leases${whose} that hold something, or none.`, LIMIT_MAX),
    gpuHours: limit(`--${prefix}gpu-hours NUMBER`, `Most GPU-hours${whose} in a month, or none.`, LIMIT_MAX),
    maxDuration: noneOrDuration(
      `--${prefix}max-duration DURATION`,
      `Longest lease${whose}: 8h, 3d, or none.`,
    ),
    queued: limit(`--${prefix}queued NUMBER`, `Most waiting requests${whose}, or none.`, LIMIT_MAX),
  };
}

const projectOptions = limitOptions('', '');
const userOptions = limitOptions('user-', ' of one user');

export const projectSet = defineCommand({
  path: ['project', 'set'],
  summary: 'Create a project, or change its name and limits',
  description:
    'What is not named stays as it is; none takes a limit away. Limits count what is held at one moment, and GPU-hours by the ' +
    'month. The --user options limit each user of the project; with --user ID they do so for that user only, and those of ' +
    'the project need a call without it.',
  examples: [
    'berth project set ml --gpus 8 --leases 20',
    'berth project set ml --gpus V100=4 --gpu-hours 500 --max-duration 3d --queued 10',
    'berth project set ml --user-gpus 2 --user-queued 3',
    'berth project set ml --user ada --user-gpus 4',
    'berth project set ml --gpus none',
  ],
  args: { project: argument('PROJECT', 'Id, or name of a project that is known.') },
  options: {
    name: text('--name NAME', 'For people; default: the id.'),
    ...projectOptions,
    user: text('--user ID', 'The --user options are about this user only.'),
    userGpus: userOptions.gpus,
    userLeases: userOptions.leases,
    userGpuHours: userOptions.gpuHours,
    userMaxDuration: userOptions.maxDuration,
    userQueued: userOptions.queued,
    likeOthers: flag('--like-others', 'With --user: nothing differs for this user any more.'),
    ...showOptions,
  },
  async run(context, { args, options }) {
    const { user, likeOthers } = options;
    const forUsers: Changes = {
      gpus: options.userGpus,
      leases: options.userLeases,
      gpuHours: options.userGpuHours,
      maxDuration: options.userMaxDuration,
      queued: options.userQueued,
    };
    checkWhose(user, likeOthers, options, forUsers);
    const { projects } = await context.client.listProjects();
    const before = meantProject(projects, args.project);
    const { project } = await context.client.putProject(before?.id ?? args.project, {
      name: options.name ?? before?.name ?? null,
      limits: changed(before?.limits ?? NO_LIMITS, options),
      per_user: user === null ? changed(before?.per_user ?? NO_LIMITS, forUsers) : (before?.per_user ?? null),
      users: usersAfter(before?.users ?? {}, user, forUsers, likeOthers),
    });
    printShow(context, options, limitFields(project));
  },
});

export const projectShow = defineCommand({
  path: ['project', 'show'],
  summary: 'Show what a project and you in it may take, and what of it is taken',
  description:
    'As taken / limit. GPU-hours are of this month: used, and claimed by leases and windows until their ends.',
  examples: ['berth project show ml', 'berth project show ml -f json'],
  args: { project: argument('PROJECT', 'Id or name.') },
  options: showOptions,
  async run(context, { args, options }) {
    const { project, use } = await context.client.getProject(args.project);
    const { actor } = await context.client.getStatus();
    const own = ownLimits(project, actor.user_id);
    printShow(context, options, [
      ['id', textCell(project.id)],
      ['name', textCell(project.name)],
      ...useFields('', project.limits, use.project),
      ['max_duration', durationCell(project.limits.max_duration_seconds)],
      ...useFields('your_', own, use.user),
      ['your_max_duration', durationCell(own.max_duration_seconds)],
      ['month_until', textCell(use.month_until)],
    ]);
  },
});

/** What counts for one user: what is said for each, where nothing else is said for this one. */
function ownLimits({ per_user: perUser, users }: ProjectJson, userId: string): LimitsJson {
  const own = users[userId] ?? {};
  const of = (value: number | null | undefined, ofEach: number | null): number | null =>
    value === undefined ? ofEach : value;
  return {
    gpus: of(own.gpus, perUser.gpus),
    gpus_by_class: own.gpus_by_class ?? perUser.gpus_by_class,
    leases: of(own.leases, perUser.leases),
    gpu_hours_per_month: of(own.gpu_hours_per_month, perUser.gpu_hours_per_month),
    max_duration_seconds: of(own.max_duration_seconds, perUser.max_duration_seconds),
    queued: of(own.queued, perUser.queued),
  };
}

interface Changes {
  readonly gpus: GpuLimits;
  readonly leases: number | 'none' | null;
  readonly gpuHours: number | 'none' | null;
  readonly maxDuration: number | 'none' | null;
  readonly queued: number | 'none' | null;
}

function changed(before: LimitsJson, wish: Changes): LimitsJson {
  return { ...before, ...changes(before.gpus_by_class, wish) };
}

/** Only what was named. */
function changes(classesBefore: LimitsJson['gpus_by_class'], wish: Changes): Partial<LimitsJson> {
  const { gpus, leases, gpuHours, maxDuration, queued } = wish;
  const valueOf = (value: number | 'none'): number | null => (value === 'none' ? null : value);
  const classes: Record<string, number> = { ...classesBefore };
  for (const [name, value] of Object.entries(gpus.classes)) {
    if (value === 'none') Reflect.deleteProperty(classes, name);
    else classes[name] = value;
  }
  return {
    ...(gpus.all !== null && { gpus: valueOf(gpus.all) }),
    ...(Object.keys(gpus.classes).length > 0 && { gpus_by_class: classes }),
    ...(leases !== null && { leases: valueOf(leases) }),
    ...(gpuHours !== null && { gpu_hours_per_month: valueOf(gpuHours) }),
    ...(maxDuration !== null && { max_duration_seconds: valueOf(maxDuration) }),
    ...(queued !== null && { queued: valueOf(queued) }),
  };
}

/** Nobody else is limited than who is meant, and who is named is. Throws UsageError. */
function checkWhose(user: string | null, likeOthers: boolean, forProject: Changes, forUsers: Changes): void {
  if (user === null) {
    if (!likeOthers) return;
    throw new UsageError('--like-others is about one user', 'Name the user with --user ID.');
  }
  const [ofProject] = givenOptions(projectOptions, forProject);
  if (ofProject !== undefined) {
    const ofUser = ofProject.replace('--', '--user-');
    throw new UsageError(
      `${ofProject} limits the whole project, and --user is about one user`,
      `Use ${ofUser} for this user, or ${ofProject} in a call without --user.`,
    );
  }
  const [ofUser] = givenOptions(userOptions, forUsers);
  if (ofUser === undefined && !likeOthers) {
    throw new UsageError(
      `--user ${user} says whose limits, and no limit is given`,
      'Add one, such as --user-gpus 2, or --like-others.',
    );
  }
  if (ofUser !== undefined && likeOthers) {
    throw new UsageError(`--like-others would take ${ofUser} away again`, 'Use one of the two.');
  }
}

/** As they are written: `--gpus`. */
function givenOptions(options: ReturnType<typeof limitOptions>, wish: Changes): readonly string[] {
  const { gpus, leases, gpuHours, maxDuration, queued } = wish;
  const given = {
    gpus: gpus.all !== null || Object.keys(gpus.classes).length > 0,
    leases: leases !== null,
    gpuHours: gpuHours !== null,
    maxDuration: maxDuration !== null,
    queued: queued !== null,
  };
  return OPTION_KEYS.filter((key) => given[key]).map((key) => longFlag(options[key].flags));
}

const OPTION_KEYS = ['gpus', 'leases', 'gpuHours', 'maxDuration', 'queued'] as const;

function usersAfter(
  before: ProjectJson['users'],
  user: string | null,
  wish: Changes,
  likeOthers: boolean,
): ProjectJson['users'] {
  if (user === null) return before;
  const own = before[user] ?? {};
  const others = Object.fromEntries(Object.entries(before).filter(([id]) => id !== user));
  if (likeOthers) return others;
  return { ...others, [user]: { ...own, ...changes(own.gpus_by_class ?? {}, wish) } };
}

/** undefined: it is a new one. */
function meantProject(projects: readonly ProjectJson[], idOrName: string): ProjectJson | undefined {
  const exact = projects.find(({ id }) => id === idOrName);
  const named = projects.filter(({ name }) => name === idOrName);
  if (exact !== undefined || named.length <= 1) return exact ?? named[0];
  const ids = named.map(({ id }) => id).join(', ');
  throw new UsageError(`${named.length} projects are named '${idOrName}'`, `Give the id, one of ${ids}.`);
}

function limitFields(project: ProjectJson): readonly Field[] {
  const users = Object.entries(project.users).map(([id, own]) => `${id}: ${JSON.stringify(own)}`);
  const of = (prefix: string, limits: LimitsJson): readonly Field[] => [
    [`${prefix}gpus`, limitCell(limits.gpus)],
    [`${prefix}gpus_by_class`, countsCell(limits.gpus_by_class)],
    [`${prefix}leases`, limitCell(limits.leases)],
    [`${prefix}gpu_hours_per_month`, limitCell(limits.gpu_hours_per_month)],
    [`${prefix}max_duration`, durationCell(limits.max_duration_seconds)],
    [`${prefix}queued`, limitCell(limits.queued)],
  ];
  return [
    ['id', textCell(project.id)],
    ['name', textCell(project.name)],
    ...of('', project.limits),
    ...of('per_user_', project.per_user),
    ['users', linesCell(users)],
  ];
}

function useFields(prefix: string, limits: LimitsJson, use: UseJson): readonly Field[] {
  const classes = new Set([...Object.keys(limits.gpus_by_class), ...Object.keys(use.gpus_by_class)]);
  const hours = use.gpu_hours_used + use.gpu_hours_claimed;
  return [
    [`${prefix}gpus`, ofLimit(use.gpus, limits.gpus)],
    ...[...classes]
      .toSorted()
      .map((name): Field => [
        `${prefix}gpus_${name}`,
        ofLimit(use.gpus_by_class[name] ?? 0, limits.gpus_by_class[name] ?? null),
      ]),
    [`${prefix}leases`, ofLimit(use.leases, limits.leases)],
    [`${prefix}queued`, ofLimit(use.queued, limits.queued)],
    [`${prefix}gpu_hours`, ofLimit(Math.round(hours * 100) / 100, limits.gpu_hours_per_month)],
  ];
}

/** `3 / 4`, or `3` where there is no limit. */
function ofLimit(taken: number, most: number | null): Cell {
  return shownAs({ taken, limit: most }, most === null ? `${taken}` : `${taken} / ${most}`);
}

function gpusOption(flags: string, help: string): OptionSpec<GpuLimits> {
  const single = limit(flags, help, LIMIT_MAX);
  return {
    flags,
    help,
    read(values, context) {
      let all: GpuLimits['all'] = null;
      const classes: Record<string, number | 'none'> = {};
      for (const part of values.flatMap((value) => value.split(','))) {
        const [, name, value = ''] = /^([^=]+)=(.*)$/.exec(part.trim()) ?? [];
        if (name === undefined) all = single.read([part.trim()], context);
        else classes[name] = single.read([value], context) ?? 'none';
      }
      return { all, classes };
    },
  };
}

/** Seconds, or `none`; null: left out. */
function noneOrDuration(flags: string, help: string): OptionSpec<number | 'none' | null> {
  const single = duration(flags, help);
  return {
    flags,
    help,
    read(values, context) {
      if (values.at(-1) === 'none') return 'none';
      const value = single.read(values, context);
      const parsed = value === null ? null : parseDuration(value);
      if (parsed === null) return null;
      if (!parsed.ok) throw new UsageError(`${longFlag(flags)}: ${parsed.error}`, 'Write it like 8h or 3d.');
      return parsed.value / SECOND_MS;
    },
  };
}
