import { z } from 'zod';

/**
 * Hosts that the config file declares: machines that are there already, with the cards that may be lent. Keys
 * are as operators write them; unknown ones are errors. RAM in MiB, disk in GiB.
 */
const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'letters, digits, dots, dashes and underscores, at most 63');
const amount = z.int().min(0).max(1_000_000_000);

const gpuSchema = z.strictObject({
  class: name.describe(
    'what borrowers ask for, e.g. rtx2080; cards of one class can stand in for each other',
  ),
  address: z
    .string()
    .regex(/^([0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i, 'a PCI address such as 0000:3b:00.0')
    .optional()
    .describe('PCI address; names the card for good'),
  iommu_group: z.string().min(1).max(32).optional().describe('cards of one group go to one lease together'),
  numa_node: z.int().min(0).max(255).optional().describe('shown only'),
});

const hostSchema = z.strictObject({
  name: name.describe('of the host'),
  connection: z.strictObject({
    host: z.string().min(1).max(253).describe('name or address for SSH'),
    port: z.int().min(1).max(65_535).default(22).describe('of SSH'),
    user: z.string().min(1).max(64).describe('login user'),
  }),
  vcpus: amount.describe('in all'),
  memory_mib: amount.describe('in all'),
  disk_gib: amount.describe('in all'),
  gpus: z.array(gpuSchema).min(1).max(64).describe('the cards that may be lent'),
  disabled: z.string().min(1).optional().describe('reason why nothing is lent from it'),
});

const flavorSchema = z.strictObject({
  name: name.describe('of the flavor'),
  description: z.string().max(500).default('').describe('for people'),
  vcpus: amount.default(0).describe('that a lease takes'),
  memory_mib: amount.default(0).describe('that a lease takes'),
  disk_gib: amount.default(0).describe('that a lease takes'),
  gpus: z.record(name, z.int().min(1).max(64)).describe('number of cards by class'),
});

export const declaredConfigSchema = z
  .strictObject({
    hosts: z.array(hostSchema).min(1).max(10_000).describe('machines that run already'),
    flavors: z
      .array(flavorSchema)
      .max(1000)
      .optional()
      .describe('left out: one flavor per class and number of cards'),
  })
  .superRefine((config, context) => {
    refuseRepeated(config.hosts, 'hosts', context);
    refuseRepeated(config.flavors ?? [], 'flavors', context);
    for (const [index, { gpus }] of config.hosts.entries()) {
      const addresses = gpus.flatMap(({ address }) => (address === undefined ? [] : [address.toLowerCase()]));
      if (new Set(addresses).size === addresses.length) continue;
      context.addIssue({
        code: 'custom',
        path: ['hosts', index, 'gpus'],
        message: 'two cards have the same address',
      });
    }
  });

export type DeclaredConfig = z.output<typeof declaredConfigSchema>;

function refuseRepeated(
  items: readonly { readonly name: string }[],
  key: string,
  context: { addIssue(issue: { code: 'custom'; path: (string | number)[]; message: string }): void },
): void {
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    if (seen.has(item.name)) {
      context.addIssue({
        code: 'custom',
        path: [key, index, 'name'],
        message: `'${item.name}' is there twice`,
      });
    }
    seen.add(item.name);
  }
}
