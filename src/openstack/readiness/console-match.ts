import { createContext, Script } from 'node:vm';

/** The newest part of a console that is searched. */
const TEXT_CHARS_MAX = 64 * 1024;

/** Searching 64 KiB takes well under a millisecond; the event loop waits for it. */
const MATCH_MS_MAX = 50;

/** Where each line of a console can begin and end. */
const FLAGS = 'm';

/** The error of a text that is no regular expression; null: it is one. */
export function patternFault(source: string): string | null {
  try {
    RegExp(source, FLAGS);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Searches the end of a console for a regular expression of the configuration. It runs in a script that can
 * be stopped, because an expression like `(a+)+$` takes longer than anybody waits. null: it took too long.
 */
export function createConsoleMatch(source: string): (text: string) => boolean | null {
  const script = new Script(`new RegExp(source, '${FLAGS}').test(text)`);
  const sandbox: { source: string; text: string } = { source, text: '' };
  const context = createContext(sandbox);
  return (text) => {
    sandbox.text = text.slice(-TEXT_CHARS_MAX);
    try {
      return script.runInContext(context, { timeout: MATCH_MS_MAX }) === true;
    } catch (error) {
      if (isTimeout(error)) return null;
      throw error;
    } finally {
      sandbox.text = '';
    }
  };
}

/** The error is one of the script's own realm, so it is no `Error` of this one. */
function isTimeout(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  return error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
