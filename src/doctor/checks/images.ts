import { nearest } from '../../base/nearest.ts';
import type { Image } from '../../openstack/glance/image-list.ts';
import type { Facts } from '../facts.ts';
import { finding, quoted, setting, some, type Finding } from '../finding.ts';
import { gpuFlavors } from '../gpu.ts';

/** Whether leases that name no image have one that their flavors can boot. */
export function checkImages(facts: Facts): readonly Finding[] {
  const { images, cloud } = facts;
  if (images === null) return [];
  const wanted = cloud.image;
  const active = images.filter(({ status }) => status === 'active');
  const bases = active.filter(({ isSnapshot }) => !isSnapshot);
  if (wanted === null) {
    const [only, ...others] = bases;
    if (only === undefined) return [missing(facts, 'The cloud has no active image.', bases)];
    if (others.length === 0) return tooLarge(facts, only);
    const message = `No image is configured, and ${bases.length} fit: ${some(bases.map(({ name }) => name))}.`;
    return [finding('image_ambiguous', 'image', message, setting(cloud.name, 'image', only.name))];
  }
  const byId = images.filter(({ id }) => id === wanted);
  const named = byId.length > 0 ? byId : images.filter(({ name }) => name === wanted);
  if (named.length === 0) return [missing(facts, `The cloud has no image '${wanted}'.`, bases)];
  const [usable, ...more] = named.filter(({ status }) => status === 'active');
  if (usable === undefined) {
    const [first] = named;
    const message = `Image '${wanted}' is ${first?.status ?? ''}, not active.`;
    const fix =
      first?.status === 'deactivated'
        ? `openstack image set --activate ${first.id}`
        : `openstack image show ${first?.id ?? ''}; upload it again, or ${setting(cloud.name, 'image', bases[0]?.name ?? 'NAME')}`;
    return [finding('image_inactive', `image '${wanted}'`, message, fix)];
  }
  if (more.length > 0) {
    const message = `${more.length + 1} active images are named '${wanted}'; the newest would be taken.`;
    const fix = setting(cloud.name, 'image', usable.id);
    return [finding('image_ambiguous', `image '${wanted}'`, message, fix, 'warning')];
  }
  return tooLarge(facts, usable);
}

function missing(facts: Facts, message: string, bases: readonly Image[]): Finding {
  const names = bases.map(({ name }) => name);
  const near = nearest(facts.cloud.image ?? '', names) ?? names[0];
  const fix =
    near === undefined
      ? 'openstack image create --public --disk-format qcow2 --container-format bare --file FILE NAME'
      : setting(facts.cloud.name, 'image', near);
  const has = names.length === 0 ? '' : ` It has ${some(names)}.`;
  return finding('image_missing', `image '${facts.cloud.image ?? ''}'`, message + has, fix);
}

function tooLarge(facts: Facts, image: Image): readonly Finding[] {
  const { minDiskGiB, minMemoryMiB } = image;
  const small = gpuFlavors(facts).filter(
    ({ flavor }) => flavor.rootGiB < minDiskGiB || flavor.memoryMiB < minMemoryMiB,
  );
  if (small.length === 0) return [];
  const names = small.map(({ flavor }) => `${flavor.name} (${flavor.rootGiB} GB, ${flavor.memoryMiB} MiB)`);
  const message = `Image '${image.name}' needs ${minDiskGiB} GB of disk and ${minMemoryMiB} MiB of memory, more than ${some(names)}.`;
  const disk = Math.min(...small.map(({ flavor }) => flavor.rootGiB), minDiskGiB);
  const memory = Math.min(...small.map(({ flavor }) => flavor.memoryMiB), minMemoryMiB);
  const fix = `openstack image set --min-disk ${disk} --min-ram ${memory} ${quoted(image.name)} if it fits there; else another image, or ${setting(facts.cloud.name, 'image', 'NAME')}`;
  return [finding('image_too_large', `image '${image.name}'`, message, fix)];
}
