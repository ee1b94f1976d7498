/** The composition root: the only place that reads argv and the environment and puts adapters together. */
import { stringify } from 'yaml';
import { CliFailure } from './cli/failure.ts';
import type { ServerCommands } from './cli/io.ts';
import { processIo } from './cli/process-io.ts';
import { runCli } from './cli/run.ts';
import { configSchema, loadConfig, printable } from './main/config.ts';
import { CONFIG_PATH_DEFAULT, ServeFailure } from './main/options.ts';
import { VERSION } from './main/version.ts';

const server: ServerCommands = {
  async serve(options) {
    // Loaded only here: a client command should not wait for a server that it does not start.
    const { serve } = await import('./main/serve.ts');
    const { SchemaError } = await import('./store/sqlite/migrations.ts');
    const { StoreLockedError } = await import('./store/sqlite/lock.ts');
    try {
      return await serve(options, (line) => void process.stdout.write(`${line}\n`));
    } catch (error) {
      if (
        error instanceof ServeFailure ||
        error instanceof StoreLockedError ||
        error instanceof SchemaError
      ) {
        throw new CliFailure(error.message, 'Nothing was changed.', 1);
      }
      if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
        throw new CliFailure(
          'the address is in use already',
          'Is another Berth running? Choose another --listen HOST:PORT.',
          1,
        );
      }
      throw error;
    }
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

process.exitCode = await runCli(process.argv.slice(2), processIo(process, VERSION, server));
