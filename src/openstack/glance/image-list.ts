import { z } from 'zod';
import { listAll } from '../paging.ts';
import type { OpenStackSession } from '../session.ts';

/** An image with what a flavor must have for it; `images.ts` finds one of them. */
export interface Image {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly minDiskGiB: number;
  readonly minMemoryMiB: number;
  /** Made of a server, by hand or by shelving it. */
  readonly isSnapshot: boolean;
}

const imageSchema = z
  .object({
    id: z.string(),
    name: z.string().nullish(),
    status: z.string(),
    min_disk: z.int().default(0),
    min_ram: z.int().default(0),
    image_type: z.string().nullish(),
  })
  .transform((image): Image => ({
    id: image.id,
    name: image.name ?? '',
    status: image.status,
    minDiskGiB: image.min_disk,
    minMemoryMiB: image.min_ram,
    isSnapshot: image.image_type === 'snapshot',
  }));

/** `GET /v2/images`, expects 200 a page: all that the session may see. Source: glance 25 (Zed). */
export function listImages(session: OpenStackSession): Promise<readonly Image[]> {
  return listAll(session, { service: 'image', path: '/images', key: 'images', item: imageSchema });
}
