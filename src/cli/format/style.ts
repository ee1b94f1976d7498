import type { CliIo, Output } from '../io.ts';

/** What a colour says; never the only carrier of it. */
export type Tone = 'good' | 'warn' | 'bad' | 'dim' | 'strong';

const CODES: Readonly<Record<Tone, string>> = { good: '32', warn: '33', bad: '31', dim: '2', strong: '1' };

export type Paint = (text: string, tone: Tone | null) => string;

/** Colours on a terminal whose owner wants them. Source: https://no-color.org, and TERM=dumb. */
export function paintFor(io: Pick<CliIo, 'env'>, output: Output): Paint {
  const noColor = io.env['NO_COLOR'] ?? '';
  if (!output.isTTY || noColor !== '' || io.env['TERM'] === 'dumb') return (text) => text;
  return (text, tone) => (tone === null || text === '' ? text : `\u001B[${CODES[tone]}m${text}\u001B[0m`);
}
