const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * East Asian wide and fullwidth characters. Source: Unicode 16, EastAsianWidth.txt, classes W and F, joined
 * to blocks.
 */
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{20000}-\u{3FFFD}]/u;
const EMOJI = /\p{Emoji_Presentation}|\p{Emoji}\uFE0F/u;
const ASCII = /^[\x20-\x7E]*$/;
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** Columns that a text takes on a terminal: what a reader sees as one character takes one or two. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** `text` filled with blanks to `width` columns. */
export function pad(text: string, width: number, align: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - textWidth(text)));
  return align === 'left' ? `${text}${blanks}` : `${blanks}${text}`;
}

/** Cuts a text to at most `width` columns; what is cut off is shown by `…`. */
export function clip(text: string, width: number): string {
  return textWidth(text) <= width ? text : `${take(text, Math.max(0, width - 1)).taken}…`;
}

/**
 * Breaks a text into lines of at most `width` (≥ 1) columns: between words where that is possible, else
 * inside one.
 */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => wrapLine(line, width));
}

/**
 * Control characters are spelled out, so that no name or message from a server can move the cursor, change
 * colours, or hide text of the terminal. Line breaks stay.
 */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]|[\u202A-\u202E\u2066-\u2069]/gu, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

function graphemeWidth(grapheme: string): number {
  if (INVISIBLE.test(grapheme)) return 0;
  return WIDE.test(grapheme) || EMOJI.test(grapheme) ? 2 : 1;
}

function wrapLine(line: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(' ')) {
    const joined = current === '' ? word : `${current} ${word}`;
    if (textWidth(joined) <= width) {
      current = joined;
      continue;
    }
    if (current !== '') lines.push(current);
    current = word;
    while (textWidth(current) > width) {
      const { taken, rest } = take(current, width);
      lines.push(taken);
      current = rest;
    }
  }
  return [...lines, current];
}

/** The beginning of a text that fits (at least one character), and what follows it. */
function take(text: string, width: number): { readonly taken: string; readonly rest: string } {
  let taken = '';
  let used = 0;
  for (const { segment } of GRAPHEMES.segment(text)) {
    used += graphemeWidth(segment);
    if (used > width && taken !== '') break;
    taken += segment;
  }
  return { taken, rest: text.slice(taken.length) };
}
