import { z } from 'zod';
import { idText } from './fields.ts';

const cloudProjectJson = z
  .object({
    id: z.string(),
    name: z.string(),
    domain_id: z.string(),
    roles: z
      .array(z.string())
      .nullable()
      .meta({ description: "Of Berth's account on it; null: the account may not read them." }),
  })
  .meta({ id: 'CloudProject' });

export type CloudProjectJson = z.output<typeof cloudProjectJson>;

export const cloudProjectList = z.object({ projects: z.array(cloudProjectJson) });
export const oneCloudProject = z.object({ project: cloudProjectJson });

const domain = idText
  .nullish()
  .meta({ description: 'Id or name of its domain, where several projects have the name.' });

export const grantProjectBody = z
  .strictObject({ project: idText.meta({ description: 'Id or name of a project of the cloud.' }), domain })
  .meta({ id: 'GrantProject' });

export const byCloudProject = z.strictObject({ id: idText, project: idText });

export const revokeProjectQuery = z.strictObject({
  domain: idText.optional(),
  force: z
    .enum(['true', 'false'])
    .default('false')
    .meta({ description: '`true`: also while leases of the project live.' }),
});
