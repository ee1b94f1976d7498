import type { ProfileJson, RenderedProfilesJson } from '../../api/machine-profiles.ts';
import { roughDuration } from '../when.ts';
import { SECOND_MS } from '../../base/units.ts';
import { defineCommand } from '../command.ts';
import { booleanCell, diskCell, linesCell, shownAs, textCell, type Cell } from '../format/cell.ts';
import { listOptions, printList, printShow, showOptions, type Column } from '../format/output.ts';
import { argument, flag, parameters, texts } from '../specs.ts';

export const profileList = defineCommand({
  path: ['image', 'profile', 'list'],
  summary: 'List what machines can be set up with',
  examples: ['berth image profile list', 'berth image profile list --long'],
  args: {},
  options: listOptions,
  async run(context, { options }) {
    const { profiles } = await context.client.listProfiles();
    printList(context, options, columns, profiles, 'There are no profiles.');
  },
});

export const profileShow = defineCommand({
  path: ['image', 'profile', 'show'],
  summary: 'Show a profile: its parameters, its steps, or the user data it becomes',
  description:
    'What it requires is shown with it, as it would be put on a machine. --user-data prints the cloud-config ' +
    'document alone; the key of the borrower and the address to report to are added when a machine is made.',
  examples: [
    'berth image profile show cuda',
    'berth image profile show nvidia-driver --param version=570 --gpu A100',
    'berth image profile show cuda --param version=12.8 --user-data > user-data && cloud-init schema -c user-data',
  ],
  args: { profile: argument('PROFILE', "Name, as in 'berth image profile list'.") },
  options: {
    params: parameters('--param KEY=VALUE', 'A parameter; repeatable.'),
    gpus: texts('--gpu MODEL', 'For a machine with such a GPU, which may decide what suits it.'),
    userData: flag('--user-data', 'Print the user data and nothing else.'),
    ...showOptions,
  },
  async run(context, { args, options }) {
    const { profile } = await context.client.getProfile(args.profile);
    const needsMore = profile.parameters.some(
      ({ name, default: fallback }) => fallback === null && !Object.hasOwn(options.params, name),
    );
    // One that has to be told something is shown without it, unless its data are asked for.
    const rendered =
      needsMore && !options.userData
        ? null
        : await context.client.renderProfiles({
            profiles: [{ name: profile.name, params: { ...options.params } }],
            gpus: [...options.gpus],
          });
    if (options.userData) {
      context.io.stdout.write(rendered?.user_data ?? '');
      return;
    }
    printShow(context, options, [
      ['name', textCell(profile.name)],
      ['summary', textCell(profile.summary)],
      ['is_own', booleanCell(profile.is_own)],
      ['parameters', parametersCell(profile)],
      ['requires', linesCell(profile.requires)],
      ['conflicts', linesCell(profile.conflicts)],
      ['network', linesCell(profile.network)],
      ['disk_gib', diskCell(rendered?.disk_gib ?? profile.disk_gib)],
      ['profiles', chosenCell(rendered)],
      ['steps', linesCell(rendered?.steps.map(({ profile: of, title }) => `${of}: ${title}`) ?? [])],
      ['expected_seconds', timeCell(rendered)],
    ]);
  },
});

const columns: readonly Column<ProfileJson>[] = [
  { name: 'Name', cell: (profile) => textCell(profile.name) },
  { name: 'Summary', cell: (profile) => textCell(profile.summary) },
  { name: 'Parameters', cell: (profile) => textCell(defaultsOf(profile)) },
  { name: 'Requires', cell: (profile) => textCell(profile.requires.join(', ')) },
  { name: 'Disk', cell: (profile) => diskCell(profile.disk_gib), long: true },
  { name: 'Network', cell: (profile) => textCell(profile.network.join(', ')), long: true },
  { name: 'Own', cell: (profile) => booleanCell(profile.is_own), long: true },
];

/** `version=12.4, mirror`: what may be given, with its default. */
function defaultsOf({ parameters: all }: ProfileJson): string {
  return all
    .map(({ name, default: fallback }) => (fallback === null ? name : `${name}=${fallback}`))
    .join(', ');
}

function parametersCell({ parameters: all }: ProfileJson): Cell {
  const lines = all.map(
    ({ name, help, default: fallback }) => `${name}${fallback === null ? '' : `=${fallback}`}: ${help}`,
  );
  return { ...linesCell(lines), value: all.map((parameter) => ({ ...parameter })) };
}

function chosenCell(rendered: RenderedProfilesJson | null): Cell {
  const chosen = rendered?.profiles ?? [];
  const lines = chosen.map(
    ({ name, params }) =>
      `${name}: ${Object.entries(params)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ')}`,
  );
  return { ...linesCell(lines), value: chosen.map((one) => ({ ...one, params: { ...one.params } })) };
}

function timeCell(rendered: RenderedProfilesJson | null): Cell {
  if (rendered === null) return textCell(null);
  return shownAs(rendered.expected_seconds, roughDuration(rendered.expected_seconds * SECOND_MS));
}
