import { accessFindings } from './catalogue-access.ts';
import { cloudFindings } from './catalogue-cloud.ts';

/** Every finding there can be. The page of the documentation and `berth doctor --list` are made of it. */
export const catalogue = { ...accessFindings, ...cloudFindings } as const;

export type FindingCode = keyof typeof catalogue;
