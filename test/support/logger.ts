import type { LogEvent, Logger } from '../../src/server/log/catalogue.ts';

/** Keeps silent, except about what no test expects. */
export const quietLogger: Logger = {
  logs: isDefect,
  log(event, fields) {
    if (isDefect(event)) console.error(event, fields);
  },
};

export interface Kept {
  readonly event: LogEvent;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps all that is logged. */
export function keepingLogger(): { readonly logger: Logger; readonly kept: Kept[] } {
  const kept: Kept[] = [];
  return { kept, logger: { logs: () => true, log: (event, fields) => void kept.push({ event, fields }) } };
}

function isDefect(event: LogEvent): boolean {
  return event === 'request_defect' || event === 'request_incomplete' || event === 'stream_failed';
}
