/** nova.conf for compute hosts and controllers, in the words of each release. */
import { isSince, type Offer, type Offers, type Release } from './offers.ts';

export interface PlannedFile {
  /** From the root of what is written; `compute/…` goes to the host with the cards. */
  readonly path: string;
  readonly text: string;
  readonly isProgram?: boolean;
}

export function novaFiles(offers: Offers, release: Release, kolla: boolean): readonly PlannedFile[] {
  const compute = section([
    ...(offers.isUnsafe ? UNSAFE.map((line) => `# ${line}`) : []),
    '[pci]',
    ...(hasClasses(offers)
      ? ['# Once true, it cannot be switched off again on this host.', 'report_in_placement = true']
      : []),
    ...offers.offers.flatMap((offer) => specLines(offer, release)),
    ...offers.offers.map(aliasLine),
  ]);
  const api = section(['[pci]', ...offers.offers.map(aliasLine)]);
  const scheduler = section([
    '[filter_scheduler]',
    '# enabled_filters must have PciPassthroughFilter beside those that it has.',
    ...(hasClasses(offers) ? ['pci_in_placement = true'] : []),
  ]);
  if (!kolla) {
    const file = 'etc/nova/nova.conf.d/berth-passthrough.conf';
    return [
      { path: `compute/${file}`, text: compute },
      { path: `controller/${file}`, text: `${api}\n${scheduler}` },
    ];
  }
  const folder = 'deploy/etc/kolla/config/nova';
  const where = '# For one host alone: /etc/kolla/config/nova/HOST/nova.conf, HOST as in the inventory.\n';
  return [
    { path: `${folder}/nova-compute.conf`, text: where + compute },
    { path: `${folder}/nova-api.conf`, text: api },
    { path: `${folder}/nova-scheduler.conf`, text: scheduler },
  ];
}

/** What to know before Nova of an old release is trusted with such a plan. */
export const UNSAFE: readonly string[] = [
  'Nova before 2023.1 tells cards apart by product only, and knows no IOMMU groups: it may give cards of one',
  'group to two machines, and the second does not start ("group N is not viable"). Safe are machines of one card',
  'each (--want 1,1,1), one machine with all cards of the model, or Nova 2023.1 (--release 2023.1).',
];

function hasClasses({ offers }: Offers): boolean {
  return offers.some(({ resourceClass }) => resourceClass !== null);
}

/** Full addresses: a glob without its domain would match other hosts' slots too. */
function specLines(offer: Offer, release: Release): readonly string[] {
  const { vendorId, productId, resourceClass, devices } = offer;
  const option = isSince(release, 'zed') ? 'device_spec' : 'passthrough_whitelist';
  return devices.map(({ address }) => {
    const spec = {
      vendor_id: vendorId,
      product_id: productId,
      address,
      ...(resourceClass !== null && { resource_class: resourceClass }),
      ...(isSince(release, '2025.1') && { managed: 'yes' }),
    };
    return `${option} = ${JSON.stringify(spec)}`;
  });
}

/** One spec per name, with both ids: what every release takes, the strictest (2025.2) included. */
function aliasLine({ alias, vendorId, productId, deviceType, resourceClass }: Offer): string {
  const value = {
    name: alias,
    vendor_id: vendorId,
    product_id: productId,
    device_type: deviceType,
    ...(resourceClass !== null && { resource_class: resourceClass }),
  };
  return `alias = ${JSON.stringify(value)}`;
}

function section(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
