/**
 * The one catalogue of what is logged: each event with its level, its sentence and its fields, and each field
 * with its type and meaning. Names are a contract with those who search logs. Whoever logs names an event and
 * gives exactly its fields, which the compiler sees to; the reference page is generated from here.
 */

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

interface FieldEntry {
  /** `error`: an object with `type`, `message`, and where known `code`, `stack`, and `cause` of the same kind. */
  readonly type: 'text' | 'number' | 'boolean' | 'error';
  readonly meaning: string;
}

/** What every line has besides the fields of its event. */
export const COMMON_FIELDS = {
  time: { type: 'text', meaning: 'when, RFC 3339 in UTC with milliseconds' },
  level: { type: 'text', meaning: 'how much it matters: `debug`, `info`, `warn` or `error`' },
  event: { type: 'text', meaning: 'which event it is: a name of this page' },
  msg: { type: 'text', meaning: 'the same as a sentence, always the same one for an event' },
} as const satisfies Readonly<Record<string, FieldEntry>>;

/** Names are in snake_case with their unit last. null where there is nothing to tell. */
export const LOG_FIELDS = {
  aborted: { type: 'boolean', meaning: 'the caller left before the answer was complete' },
  address: {
    type: 'text',
    meaning: 'of the caller, as seen past the declared proxies; `unix` on a socket file',
  },
  cloud: { type: 'text', meaning: 'name of the cloud in the configuration' },
  code: { type: 'text', meaning: 'name of the error, see the reference of errors; null: none' },
  days_left: { type: 'number', meaning: 'whole days until then' },
  duration_ms: { type: 'number', meaning: 'from the first byte of the request to the last of the answer' },
  err: { type: 'error', meaning: 'what was thrown' },
  listeners: { type: 'text', meaning: 'where it listens, separated by spaces' },
  method: { type: 'text', meaning: 'of HTTP' },
  not_after: { type: 'text', meaning: 'end of the certificate, RFC 3339' },
  operation: {
    type: 'text',
    meaning: 'name of the operation in the reference of the API; null: it has none',
  },
  place: { type: 'text', meaning: 'where the store is: a folder, or an address without its password' },
  project: { type: 'text', meaning: 'id of the project of the caller; null: nobody was admitted' },
  reason: { type: 'text', meaning: 'why, as a sentence' },
  request_id: { type: 'text', meaning: 'as in the header `X-Openstack-Request-Id` and in the error' },
  revision: {
    type: 'number',
    meaning: 'of the commit that the answer shows; events of the audit log have it',
  },
  role: { type: 'text', meaning: 'of the caller' },
  route: { type: 'text', meaning: 'path with names for what varies; null: there is no such path' },
  status: { type: 'number', meaning: 'of the answer' },
  user: { type: 'text', meaning: 'id of the caller' },
  version: { type: 'text', meaning: 'of Berth' },
} as const satisfies Readonly<Record<string, FieldEntry>>;

export type LogField = keyof typeof LOG_FIELDS;

interface EventEntry {
  readonly level: LogLevel;
  /** What is logged as `msg`. */
  readonly message: string;
  readonly when: string;
  readonly fields: readonly LogField[];
}

const REQUEST_FIELDS = [
  'request_id',
  'method',
  'route',
  'operation',
  'status',
  'code',
  'duration_ms',
  'aborted',
  'revision',
  'address',
  'user',
  'project',
  'role',
  'cloud',
] as const;

export const LOG_EVENTS = {
  serving: {
    level: 'info',
    message: 'Berth serves',
    when: 'It has started and listens.',
    fields: ['version', 'listeners'],
  },
  stopping: {
    level: 'info',
    message: 'Berth stops',
    when: 'It was told to stop, or cannot go on.',
    fields: ['reason'],
  },
  request: {
    level: 'info',
    message: 'a request was answered',
    when: 'One line for each request, at its end; left out with `log.requests: false`.',
    fields: REQUEST_FIELDS,
  },
  probe: {
    level: 'debug',
    message: 'a probe was answered',
    when: 'As `request`, for `/healthz`, `/readyz` and `/metrics`, which monitors ask all the time.',
    fields: REQUEST_FIELDS,
  },
  request_malformed: {
    level: 'debug',
    message: 'what came is no request',
    when: 'What came on a connection is no HTTP, too large, or too slow; for TLS, also plain HTTP.',
    fields: ['request_id', 'address', 'code'],
  },
  connection_refused: {
    level: 'warn',
    message: 'an address has too many connections',
    when: 'A connection was closed at once, since its address holds as many as it may; once a minute.',
    fields: ['address'],
  },
  request_incomplete: {
    level: 'error',
    message: 'a request could not be completed',
    when: 'The engine or the store stopped under it; whether the command was done is not known.',
    fields: ['request_id', 'method', 'route', 'err'],
  },
  request_defect: {
    level: 'error',
    message: 'a request met a defect',
    when: 'Something happened that nobody foresaw: please report it.',
    fields: ['request_id', 'method', 'route', 'err'],
  },
  token_not_checked: {
    level: 'warn',
    message: 'a token was not checked',
    when: 'A Keystone did not answer, or does not accept the account of Berth.',
    fields: ['cloud', 'code', 'reason'],
  },
  project_name_not_recorded: {
    level: 'warn',
    message: 'the name of a project was not recorded',
    when: 'The store did not take it; the request went on.',
    fields: ['err'],
  },
  stream_failed: {
    level: 'error',
    message: 'an event stream failed',
    when: 'The events could not be read from the store.',
    fields: ['err'],
  },
  store_doubtful: {
    level: 'warn',
    message: 'the store may not keep what it should',
    when: 'At the start: the folder is readable by others, or a failover of the database could lose commits.',
    fields: ['place', 'reason'],
  },
  store_rolled_back: {
    level: 'error',
    message: 'the store has lost acknowledged commits, the service is frozen',
    when: 'The store was loaded again and is older than what was acknowledged: a failover to a standby that lagged.',
    fields: ['reason'],
  },
  engine_failed: {
    level: 'error',
    message: 'the engine failed',
    when: 'A commit failed or a decision met a defect; the world is loaded anew.',
    fields: ['err'],
  },
  controller_failed: {
    level: 'error',
    message: 'a controller failed',
    when: 'A controller met a defect; it looks again.',
    fields: ['err'],
  },
  certificate_loaded: {
    level: 'info',
    message: 'a new certificate is used',
    when: 'The files of `tls` have changed, or SIGHUP came; new connections get it.',
    fields: ['not_after', 'days_left'],
  },
  certificate_refused: {
    level: 'error',
    message: 'the new certificate cannot be used, the old one stays',
    when: 'The files of `tls` have changed and do not fit; told once for each reason.',
    fields: ['reason'],
  },
  certificate_ends_soon: {
    level: 'warn',
    message: 'the certificate ends soon',
    when: 'At the start, and once a day in its last 14 days.',
    fields: ['not_after', 'days_left'],
  },
} as const satisfies Readonly<Record<string, EventEntry>>;

export type LogEvent = keyof typeof LOG_EVENTS;

interface FieldTypes {
  readonly text: string | null;
  readonly number: number | null;
  readonly boolean: boolean;
  readonly error: unknown;
}

/** Exactly the fields of the event. */
export type FieldsOf<E extends LogEvent> = {
  readonly [F in (typeof LOG_EVENTS)[E]['fields'][number]]: FieldTypes[(typeof LOG_FIELDS)[F]['type']];
};

export interface Logger {
  log<E extends LogEvent>(event: E, fields: FieldsOf<E>): void;
  /** Whether lines of the event are written: what costs something to find out need not be. */
  logs(event: LogEvent): boolean;
}
