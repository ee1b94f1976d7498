import { cliManPage } from './cli-page.ts';
import { configurationManPage } from './configuration-page.ts';

/** The manual pages by file name, in mdoc. */
export function manPages(): ReadonlyMap<string, string> {
  return new Map([
    ['berth.1', cliManPage()],
    ['berth.yaml.5', configurationManPage()],
  ]);
}
