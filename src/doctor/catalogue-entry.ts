/** error: somebody will be refused or harmed. warning: something is wasted or will be. info: good to know. */
export type Severity = 'error' | 'warning' | 'info';

export interface CatalogueEntry {
  readonly theme: Theme;
  readonly severity: Severity;
  /** A few words. */
  readonly title: string;
  /** What follows from it. */
  readonly meaning: string;
  /** How it is mended, with names in capitals. */
  readonly fix: string;
}

export const THEMES = [
  'configuration',
  'login',
  'services',
  'rights',
  'hosts',
  'flavors',
  'networks',
  'images',
  'quotas',
  'clock',
  'marks',
] as const;
export type Theme = (typeof THEMES)[number];
