/** The logger that writes JSON lines, one event each. What it writes of errors is picked and scrubbed here. */
import { pino, type DestinationStream } from 'pino';
import { scrub } from '../../base/scrub.ts';
import {
  LOG_EVENTS,
  LOG_LEVELS,
  type FieldsOf,
  type LogEvent,
  type Logger,
  type LogLevel,
} from './catalogue.ts';

export interface LogOptions {
  /** What matters less is left out. */
  readonly level: LogLevel;
  /** Whether each request gets a line. */
  readonly requests: boolean;
}

/** Causes of causes that are told; more are a circle. */
const CAUSES_MAX = 4;
/** Longer texts are cut: messages of others have no bound of their own. */
const TEXT_CHARS_MAX = 4000;

export function createLogger(options: LogOptions, destination: DestinationStream): Logger {
  const lines = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: (error: unknown) => errorToJson(error, 0) },
    },
    destination,
  );
  const logs = (event: LogEvent): boolean => {
    if (event === 'request' && !options.requests) return false;
    return LOG_LEVELS.indexOf(LOG_EVENTS[event].level) >= LOG_LEVELS.indexOf(options.level);
  };
  return {
    logs,
    log(event, fields) {
      if (!logs(event)) return;
      const { level, message } = LOG_EVENTS[event];
      lines[level]({ event, ...scrubbed(fields) }, message);
    },
  };
}

function scrubbed<E extends LogEvent>(fields: FieldsOf<E>): object {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    typeof value === 'string' ? shortened(value) : value,
  ]);
  return Object.fromEntries(entries) as object;
}

/**
 * Only what is named here: errors of libraries carry requests, queries and rows in further members.
 */
function errorToJson(error: unknown, depth: number): object {
  if (!(error instanceof Error)) return { type: typeof error, message: shortened(String(error)) };
  const { cause } = error;
  return {
    type: error.name,
    message: shortened(error.message),
    ...('code' in error && typeof error.code === 'string' && { code: shortened(error.code) }),
    ...(error.stack !== undefined && { stack: shortened(error.stack) }),
    ...(cause !== undefined && depth < CAUSES_MAX && { cause: errorToJson(cause, depth + 1) }),
  };
}

function shortened(text: string): string {
  return scrub(text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text);
}
