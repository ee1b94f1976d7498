/** Words and lines of mdoc, the language of manual pages (mdoc(7) of mandoc). */
import { wrap } from '../../../src/cli/format/text-width.ts';
import { sourceDateS } from '../files.ts';

/** Lines of the source: above 80, with what escaping adds, is a finding of mandoc. */
const COLUMNS_MAX = 72;

/** A page with its head. `title` as `BERTH`, `date` from the sources. */
export function page(title: string, section: number, lines: readonly string[]): string {
  const date = new Date(sourceDateS() * 1000);
  const month = date.toLocaleString('en', { month: 'long', timeZone: 'UTC' });
  return [
    '.\\" Generated from the sources of Berth.',
    `.Dd ${month} ${date.getUTCDate()}, ${date.getUTCFullYear()}`,
    `.Dt ${title} ${section}`,
    '.Os',
    ...lines,
    '',
  ].join('\n');
}

/** Plain text, a line per sentence, as manual pages are written; code in backticks becomes literal. */
export function prose(text: string): readonly string[] {
  return text.split(/(?<=[.!?])\s+(?=[A-Z`])/).flatMap((sentence) => sentenceLines(sentence));
}

/** Text on a line of its own. */
export function escape(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\e')
    .replaceAll('--', '\\-\\-')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll('…', '...')
    .replaceAll('→', '\\(->')
    .replaceAll('µ', '\\(mc');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** Words as arguments of a macro: a word that is the name of a macro would be called, and blanks would part. */
export function macroArg(text: string): string {
  const escaped = escape(text).replaceAll('"', '\\(dq');
  return /\s/.test(escaped) ? `"${escaped}"` : /^[A-Z%][a-z0-9]$/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** `--url URL`, `-f, --format FORMAT` as arguments of `.It`. */
export function optionTag(flags: string): string {
  const [, names = flags, value] = /^(.*--[a-z-]+)(?: (\S+))?$/.exec(flags) ?? [];
  // .Fl writes one dash itself.
  const shown = names.split(', ').map((name) => `Fl ${name.slice(1)}`);
  return [shown.join(' , '), ...(value === undefined ? [] : [`Ar ${macroArg(value)}`])].join(' ');
}

export function literal(lines: readonly string[]): readonly string[] {
  return ['.Bd -literal -offset indent', ...lines.map(escape), '.Ed'];
}

function sentenceLines(sentence: string): readonly string[] {
  const lines: string[] = [];
  for (const [at, part] of sentence.split('`').entries()) {
    const isCode = at % 2 === 1;
    if (part.trim() === '') continue;
    if (!isCode) {
      // What follows code without a blank, such as a comma, belongs to the macro's line.
      const [, glued = '', rest = ''] = /^([.,:;)]*)\s*([\s\S]*)$/.exec(part) ?? [];
      if (glued !== '' && lines.length > 0) lines.push(`${lines.pop() ?? ''} ${glued.split('').join(' ')}`);
      if (rest.trim() !== '') lines.push(...wrap(rest.trim(), COLUMNS_MAX).map(escape));
    } else lines.push(`.Ql ${macroArg(part)}`);
  }
  return lines;
}
