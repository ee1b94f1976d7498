import type { Refusal, Reply } from '../decision.ts';

/** What a command handler returns: an answer, or a refusal after which everything is rolled back. */
export type Handled =
  | { readonly kind: 'reply'; readonly reply: Reply }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export const DONE: Handled = { kind: 'reply', reply: { kind: 'done' } };
