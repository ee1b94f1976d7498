import { z } from 'zod';
import type { Json } from '../base/json.ts';

/** Anything that JSON can say. */
export const anyJson: z.ZodType<Json> = z.json().meta({ id: 'Json' });
