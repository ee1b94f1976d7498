import { readAsset } from '../base/assets.ts';

/** From package.json, the one place that has it. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const text = readAsset(new URL('../../package.json', import.meta.url));
  const parsed: unknown = JSON.parse(text);
  const version =
    typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : null;
  if (typeof version !== 'string') throw new Error('package.json has no version');
  return version;
}
