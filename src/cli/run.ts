/**
 * The command line: a client of the public API with no private door, plus `serve` and `config`, which the
 * composition root hands in. It parses, asks, and prints; it decides nothing and keeps nothing.
 */
import { parseDuration } from '../base/units.ts';
import { ApiError } from '../client/errors.ts';
import { clientContext, localContext, type Connect } from './context.ts';
import { credentialsFix } from './credentials.ts';
import { CliFailure, EXIT, failureOf } from './failure.ts';
import { paintFor } from './format/style.ts';
import { printable } from './format/text-width.ts';
import { connectOptions } from './help.ts';
import type { CliIo } from './io.ts';
import { parseCommandLine, type Parsed } from './parse.ts';
import type { RawInput, ReadContext } from './command.ts';
import { sections } from './sections.ts';

/** Runs one command line (without `berth` itself) and resolves with the exit code; never rejects. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  try {
    return await runParsed(parseCommandLine(argv, sections, io.stdout.columns), io);
  } catch (error) {
    return report(io, error);
  }
}

async function runParsed(parsed: Parsed, io: CliIo): Promise<number> {
  switch (parsed.kind) {
    case 'version':
      io.stdout.write(`berth ${io.version}\n`);
      return EXIT.ok;
    case 'help':
      (parsed.asked ? io.stdout : io.stderr).write(parsed.text);
      return parsed.asked ? EXIT.ok : EXIT.usage;
    case 'run': {
      const local = localContext(io);
      const reading: ReadContext = { nowMs: local.nowMs, note: local.note };
      const { command, raw } = parsed;
      if (command.local === true) return command.run(local, raw, reading);
      const connect = connectOf(parsed.connect, reading);
      try {
        return await command.run(await clientContext(io, connect), raw, reading);
      } catch (error) {
        throw isRefusedToken(error) ? await refusedToken(error, io, connect) : error;
      }
    }
  }
}

function connectOf(raw: RawInput['options'], reading: ReadContext): Connect {
  const timeout = connectOptions.timeout.read(raw['timeout'] ?? [], reading);
  const parsed = timeout === null ? null : parseDuration(timeout);
  return {
    url: connectOptions.url.read(raw['url'] ?? [], reading),
    token: connectOptions.token.read(raw['token'] ?? [], reading),
    osCloud: connectOptions.osCloud.read(raw['osCloud'] ?? [], reading),
    timeoutMs: parsed?.ok === true ? parsed.value : null,
  };
}

/** Which token was sent is known only here, and so what to do about it. */
async function refusedToken(error: ApiError, io: CliIo, connect: Connect): Promise<CliFailure> {
  const fix = await credentialsFix(io, connect);
  return new CliFailure(error.detail, fix, EXIT.unauthorized, { cause: error });
}

function isRefusedToken(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 401;
}

/** Says what went wrong: one line what, one line what to do. */
function report(io: CliIo, error: unknown): number {
  const failure: CliFailure | null = failureOf(error);
  const paint = paintFor(io, io.stderr);
  if (failure === null) {
    const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
    io.stderr.write(
      `${paint('Error:', 'bad')} a defect of berth itself. Please report it with these lines:\n${printable(trace)}\n`,
    );
    return EXIT.failed;
  }
  const what = printable(failure.message).replaceAll('\n', ' ');
  io.stderr.write(`${paint('Error:', 'bad')} ${sentence(what)}\n`);
  if (failure.fix !== '') io.stderr.write(`${printable(failure.fix).replaceAll('\n', ' ')}\n`);
  return failure.exitCode;
}

/**
 * The detail of a problem starts in lower case and has no full stop; what comes from the domain is a
 * sentence.
 */
function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
