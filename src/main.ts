/** The composition root: the only place that reads argv and the environment and puts adapters together. */
import { stringify } from 'yaml';
import { systemClock } from './base/clock.ts';
import { CliFailure } from './cli/failure.ts';
import type { CloudLogins, ServerCommands } from './cli/io.ts';
import { processIo } from './cli/process-io.ts';
import { runCli } from './cli/run.ts';
import { configSchema, loadConfig, printable } from './main/config.ts';
import { CONFIG_PATH_DEFAULT, ServeFailure } from './main/options.ts';
import { VERSION } from './main/version.ts';

/** What the classes of errors of a data folder are called. */
const DATA_FAILURES: ReadonlySet<string> = new Set([
  'ServeFailure',
  'StoreLockedError',
  'StoreError',
  'SchemaError',
  'BackupError',
]);

const server: ServerCommands = {
  async serve(options) {
    // Loaded only here: a client command should not wait for a server that it does not start.
    const { serve } = await import('./main/serve.ts');
    const { SchemaError } = await import('./store/migrations.ts');
    const { StoreLockedError } = await import('./store/holder.ts');
    const { StoreError } = await import('./engine/ports.ts');
    try {
      return await serve(options, (line) => void process.stdout.write(`${line}\n`));
    } catch (error) {
      if (
        error instanceof ServeFailure ||
        error instanceof StoreLockedError ||
        error instanceof StoreError ||
        error instanceof SchemaError
      ) {
        throw new CliFailure(error.message, 'Nothing was changed in any cloud.', 1);
      }
      throw systemFailure(error) ?? error;
    }
  },
  async backup(options) {
    const { backUp } = await import('./main/backup.ts');
    return onDataFolder('No backup was made.', () => backUp(options, systemClock.wallMs(), process.stdout));
  },
  async checkBackup(path, passphrasePath) {
    const { checkBackup } = await import('./main/backup.ts');
    return onDataFolder('Use another backup.', () => checkBackup(path, passphrasePath));
  },
  async restore(options) {
    const { restore } = await import('./main/backup.ts');
    return onDataFolder('The data folder is as it was.', () => restore(options, systemClock));
  },
  async migrateStore(options) {
    const { migrateStore } = await import('./main/store-migrate.ts');
    const { StoreError } = await import('./engine/ports.ts');
    return onDataFolder(
      (error) =>
        error instanceof StoreError && error.code === 'in_doubt'
          ? 'The source is marked as moved, and nothing else in it was changed.'
          : 'No record was moved, and the source is as it was.',
      () => migrateStore(options, systemClock),
    );
  },
  async doctor(options) {
    const { examineClouds } = await import('./main/doctor.ts');
    return examineClouds(options, { env: process.env, folder: process.cwd(), clock: systemClock });
  },
  async doctorCatalogue() {
    const { doctorEntries } = await import('./main/doctor.ts');
    return doctorEntries();
  },
  async planPassthrough(options) {
    const { planPassthrough } = await import('./main/passthrough.ts');
    return planPassthrough(options);
  },
  async configCheck(path) {
    const loaded = await loadConfig(path ?? CONFIG_PATH_DEFAULT);
    return loaded.ok ? [] : loaded.error;
  },
  async configPrint(path) {
    if (path === null) return stringify(printable(configSchema.parse({})));
    const loaded = await loadConfig(path);
    if (!loaded.ok) throw new CliFailure(loaded.error.join('\n'), 'Correct the file and try again.', 1);
    return stringify(printable(loaded.value));
  },
};

const clouds: CloudLogins = {
  logIn: async (cloud) => (await cloudLogins()).logIn(cloud),
  known: async () => (await cloudLogins()).known(),
};

// Not awaited at the top level, which the one-file executable (CommonJS) cannot do. Until the command has
// said its code, an end of the process is a failure.
process.exitCode = 1;
void runCli(process.argv.slice(2), processIo(process, VERSION, server, clouds)).then((code) => {
  process.exitCode = code;
});

/** Loaded only here: most commands need no cloud. */
async function cloudLogins(): Promise<CloudLogins> {
  const { createCloudLogins } = await import('./main/cloud-login.ts');
  return createCloudLogins({ env: process.env, folder: process.cwd(), clock: systemClock });
}

/** Tells what goes wrong with a data folder or a backup as a failure with what to do. */
async function onDataFolder<T>(fix: string | ((error: Error) => string), act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (DATA_FAILURES.has(error.name)) {
      const hint = typeof fix === 'string' ? fix : fix(error);
      throw new CliFailure(error.message, hint, 1, { cause: error });
    }
    throw systemFailure(error) ?? error;
  }
}

/**
 * What the operating system refused (an address, a folder, a key file), for the operator to mend; null:
 * another error.
 */
function systemFailure(error: unknown): CliFailure | null {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return null;
  if (error.code === 'EADDRINUSE') {
    const hint = 'Is another Berth running? Choose another --listen HOST:PORT.';
    return new CliFailure('the address is in use already', hint, 1);
  }
  // Node writes "CODE: reason, call 'path'".
  const reason = error.message.replace(`${String(error.code)}: `, '');
  return new CliFailure(reason, 'Check the path or address, and the rights of the user who runs Berth.', 1);
}
