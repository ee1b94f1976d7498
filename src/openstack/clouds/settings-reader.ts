import { expandPlaceholders } from './placeholders.ts';
import type { CloudProblem } from './problem.ts';
import { isUnset, type Settings } from './settings.ts';

/** Reads single settings of a cloud, and gathers what is wrong with them. */
export interface SettingsReader {
  readonly problems: readonly CloudProblem[];
  readonly warnings: readonly CloudProblem[];
  readonly raw: (key: string) => unknown;
  /** With its placeholders expanded; null: not set. */
  readonly text: (key: string) => string | null;
  /** `true` and `false`, also as text in any case. */
  readonly flag: (key: string, otherwise: boolean) => boolean;
  readonly refuse: (key: string, what: string) => void;
  readonly warn: (key: string, what: string) => void;
}

export function createSettingsReader(settings: Settings, where: (key: string) => string): SettingsReader {
  const problems: CloudProblem[] = [];
  const warnings: CloudProblem[] = [];
  const refuse = (key: string, what: string): void => {
    problems.push({ where: where(key), what });
  };
  return {
    problems,
    warnings,
    raw: (key) => settings[key],
    text(key) {
      const value = settings[key];
      if (isUnset(value)) return null;
      if (typeof value !== 'string') {
        refuse(key, 'must be a text: put it in quotes');
        return null;
      }
      const expanded = expandPlaceholders(value, settings);
      if (expanded.ok) return expanded.value;
      refuse(key, expanded.error);
      return null;
    },
    flag(key, otherwise) {
      const value = settings[key];
      if (isUnset(value)) return otherwise;
      if (typeof value === 'boolean') return value;
      const word = typeof value === 'string' ? value.toLowerCase() : '';
      if (word !== 'true' && word !== 'false') refuse(key, 'must be true or false');
      return word === 'true' || (word !== 'false' && otherwise);
    },
    refuse,
    warn: (key, what) => {
      warnings.push({ where: where(key), what });
    },
  };
}
