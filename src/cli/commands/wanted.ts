/** What is wanted: the same words in `borrow`, `lease create`, and `explain`. */
import { formatTime, MINUTE_MS } from '../../base/units.ts';
import type { BodyOf } from '../../client/client.ts';
import type { OptionSpec } from '../command.ts';
import { UsageError } from '../failure.ts';
import { longFlag, meant, text, time } from '../specs.ts';

type Requirements = NonNullable<BodyOf<'createLease'>['requirements']>;

const TEXT_KEYS = ['gpu', 'class'] as const;
const NUMBER_KEYS = ['count', 'vcpus', 'memory_mib', 'disk_gib'] as const;
const KEYS = [...TEXT_KEYS, ...NUMBER_KEYS];

export const wantedOptions = {
  requirements: requirementsOption(
    '--requirements KEY=VALUE',
    `Instead of a flavor, what it must have: ${KEYS.join(', ')}, such as gpu=V100,count=2.`,
  ),
  host: text('--host HOST', 'Only on this host (id or name).'),
  project: text('--project PROJECT', 'For this project (admins). Default: that of the token.'),
  from: time(
    '--from TIME',
    'Reserve a window that starts then: +2h, 14:30, or ISO 8601. Default: as soon as possible.',
  ),
};

export interface Wanted {
  readonly flavor: string | null;
  readonly requirements: Requirements | null;
  readonly host: string | null;
  readonly project: string | null;
  readonly from: number | null;
}

/**
 * The fields of a request body for what is wanted. A start that is not after now means: as soon as possible.
 */
export function wantedBody(wanted: Wanted, nowMs: number) {
  const { flavor, requirements, host, project, from } = wanted;
  if ((flavor === null) === (requirements === null)) {
    const what = flavor === null ? 'what to borrow is missing' : 'what to borrow is said twice';
    throw new UsageError(what, "Name a flavor of 'berth flavor list', or give --requirements.");
  }
  return {
    flavor,
    requirements,
    host,
    project_id: project,
    // Just now is at once; what lies further back is for the server to refuse.
    from: from === null || (from <= nowMs && nowMs - from < MINUTE_MS) ? null : formatTime(from),
  };
}

function requirementsOption(flags: string, help: string): OptionSpec<Requirements | null> {
  return {
    flags,
    help,
    read(values) {
      if (values.length === 0) return null;
      const parts = values.flatMap((value) => value.split(','));
      return Object.fromEntries(parts.map((part) => requirement(part, longFlag(flags))));
    },
  };
}

function requirement(part: string, name: string): readonly [string, string | number] {
  const [, key = '', value = ''] = /^\s*([a-z_]+)=(.+?)\s*$/i.exec(part) ?? [];
  if (TEXT_KEYS.some((known) => known === key)) return [key, value];
  if (!NUMBER_KEYS.some((known) => known === key)) {
    const said = key === '' ? `'${part}' is not KEY=VALUE` : `there is no requirement '${key}'`;
    throw new UsageError(`${name}: ${said}`, `${meant(key, KEYS)}Keys: ${KEYS.join(', ')}.`);
  }
  if (/^\d{1,10}$/.test(value)) return [key, Number(value)];
  throw new UsageError(`${name}: ${key} is no whole number: '${value}'`, `Write it like ${key}=2.`);
}
