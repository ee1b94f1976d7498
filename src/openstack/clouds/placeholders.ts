import { err, ok, type Result } from '../../base/result.ts';
import { isUnset, type Settings } from './settings.ts';

/**
 * Puts settings in the place of `{region_name}` and its like; `{{` is a brace. The error names what is not
 * known. Source: openstacksdk 0.101.0, openstack/config/loader.py, which formats every value but `password`.
 */
export function expandPlaceholders(text: string, settings: Settings): Result<string, string> {
  const unknown: string[] = [];
  const expanded = text.replaceAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (found, name: string | undefined) => {
    if (found === '{{' || found === '}}') return found.slice(1);
    const value = name !== undefined && Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (typeof value === 'string' && !isUnset(value)) return value;
    unknown.push(found);
    return '';
  });
  const [first] = unknown;
  if (first === undefined) return ok(expanded);
  if (first.length < 2)
    return err(`a single '${first}' is the start or end of no placeholder; write it twice`);
  return err(`the placeholder ${first} stands for nothing that is set; write {{ and }} for braces`);
}
