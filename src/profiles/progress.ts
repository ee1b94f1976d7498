/** What a machine tells of its set-up: lines of the runner, on its console or in its calls. */

export type SetupReport =
  /** Nothing was heard yet. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'step'; readonly step: number; readonly steps: number; readonly title: string }
  | { readonly kind: 'done' }
  /** In its own words. */
  | { readonly kind: 'failed'; readonly why: string };

/** The newest word, and what it wants the borrower to know. */
export interface SetupHeard {
  readonly report: SetupReport;
  readonly notes: readonly string[];
}

export const NOTHING_HEARD: SetupHeard = { report: { kind: 'silent' }, notes: [] };

const NOTES_MAX = 16;
const TEXT_LENGTH_MAX = 500;

/** Reads a console. The runner writes one line per word; others write between them as they like. */
export function readConsoleSetup(console: string): SetupHeard {
  let heard = NOTHING_HEARD;
  for (const line of console.split(/[\r\n]+/)) {
    const [, word] = /^berth-setup: (.+)$/.exec(line) ?? [];
    if (word !== undefined) heard = hear(heard, word);
  }
  return heard;
}

/** What is known after one more word; a word that is not understood changes nothing. */
export function hear(heard: SetupHeard, word: string): SetupHeard {
  const text = visible(word);
  const [, step, steps, title] = /^(\d{1,3})\/(\d{1,3}) [^:]+: (.+)$/.exec(text) ?? [];
  if (title !== undefined)
    return { ...heard, report: { kind: 'step', step: Number(step), steps: Number(steps), title } };
  const [, kind, rest = ''] = /^(note|done|failed)\b ?(.*)$/.exec(text) ?? [];
  switch (kind) {
    case 'note':
      return { ...heard, notes: [...heard.notes, rest].slice(-NOTES_MAX) };
    case 'done':
      return { ...heard, report: { kind: 'done' } };
    case 'failed':
      return { ...heard, report: { kind: 'failed', why: rest } };
    default:
      return heard;
  }
}

/** `installing CUDA 12.4 (3 of 4)`: for people who wait. Not for one that is done or has failed. */
export function stepText(report: Extract<SetupReport, { readonly kind: 'silent' | 'step' }>): string {
  if (report.kind === 'silent') return 'its set-up has not begun yet';
  return `${report.title} (${report.step} of ${report.steps})`;
}

/** It goes into events, terminals and logs. */
function visible(word: string): string {
  return word
    .replaceAll(/[\p{Cc}\p{Cs}]/gu, ' ')
    .replaceAll(/ +/g, ' ')
    .trim()
    .slice(0, TEXT_LENGTH_MAX);
}
