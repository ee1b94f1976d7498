import { ApiError, ConnectionError } from '../client/errors.ts';

/** How the program ends; part of its interface, since scripts branch on it. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  unauthorized: 4,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  [EXIT.ok]: 'Done.',
  [EXIT.failed]: 'Refused by the server, or it failed on the way.',
  [EXIT.usage]: 'The command line was wrong; nothing was sent.',
  [EXIT.unreachable]: 'The server could not be reached.',
  [EXIT.unauthorized]: 'No valid token, or its role does not allow this.',
  [EXIT.interrupted]: 'Interrupted with Ctrl-C.',
};

/** Why a command could not do what it was asked: what happened, and what to do about it. One line each. */
export class CliFailure extends Error {
  override readonly name: string = 'CliFailure';
  readonly fix: string;
  readonly exitCode: ExitCode;

  constructor(what: string, fix: string, exitCode: ExitCode = EXIT.failed, options?: ErrorOptions) {
    super(what, options);
    this.fix = fix;
    this.exitCode = exitCode;
  }
}

/** The command line itself is wrong. */
export class UsageError extends CliFailure {
  override readonly name = 'UsageError';

  constructor(what: string, fix: string) {
    super(what, fix, EXIT.usage);
  }
}

/**
 * Anything that was thrown as what the user is told; null: a defect of ours, which nobody should dress up.
 */
export function failureOf(error: unknown): CliFailure | null {
  if (error instanceof CliFailure) return error;
  if (error instanceof ConnectionError) {
    return new CliFailure(error.message, error.fix, EXIT.unreachable, { cause: error });
  }
  if (error instanceof ApiError) {
    const denied = DENIALS.has(error.code);
    return new CliFailure(error.detail, fixOf(error), denied ? EXIT.unauthorized : EXIT.failed, {
      cause: error,
    });
  }
  return null;
}

/** True if the server says that there is no such thing, or none that the caller may see. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

const DENIALS: ReadonlySet<string> = new Set(['unauthenticated', 'forbidden', 'token_unusable']);

function fixOf(error: ApiError): string {
  return error.status >= 500 && error.requestId !== ''
    ? `${error.fix} (request ${error.requestId})`
    : error.fix;
}
