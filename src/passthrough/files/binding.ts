/** How the functions of a plan come to vfio-pci at boot: by product where that is exact, else by address. */
import { AMD, isGpu, modelOf, NVIDIA, type Inventory, type PciDevice } from '../device.ts';
import type { Plan } from '../plan.ts';
import type { PlannedFile } from './nova.ts';

/** `overrides`: with what an id would also catch, or cannot win. */
export type BindingWay =
  | { readonly kind: 'ids'; readonly ids: readonly string[] }
  | { readonly kind: 'overrides'; readonly why: string };

const HOST_DRIVERS: Readonly<Record<string, readonly string[]>> = {
  [NVIDIA]: ['nouveau', 'nvidia', 'nvidiafb', 'nvidia_drm'],
  [AMD]: ['amdgpu', 'radeon'],
  '8086': ['i915', 'xe'],
};
const AUDIO = 0x04_03;
const USB = 0x0c_03;

export function wayOf({ devices }: Inventory, { bound }: Plan): BindingWay {
  const ids = [...new Set(bound.map(modelOf))].toSorted();
  const addresses = new Set(bound.map(({ address }) => address));
  const kept = devices.filter((device) => ids.includes(modelOf(device)) && !addresses.has(device.address));
  if (kept.length > 0) {
    const list = kept.map(({ address }) => address).join(', ');
    return { kind: 'overrides', why: `${list} with the same ids stay with the host` };
  }
  const usb = bound.filter(({ classCode }) => classCode >> 8 === USB);
  if (usb.length > 0) {
    const list = usb.map(({ address }) => address).join(', ');
    return {
      kind: 'overrides',
      why: `the USB driver, often built into the kernel, would be first at ${list}`,
    };
  }
  return { kind: 'ids', ids };
}

/** Words for the kernel's command line; `null`: either maker. */
export function kernelWords(inventory: Inventory, plan: Plan): readonly string[] {
  const way = wayOf(inventory, plan);
  // AMD's IOMMU is on by default; amd_iommu=on is no documented value.
  const iommu = inventory.cpuVendor === 'amd' ? [] : ['intel_iommu=on'];
  const ids = way.kind === 'ids' ? [`vfio-pci.ids=${way.ids.join(',')}`] : [];
  return [...iommu, 'iommu=pt', ...ids, ...(hasNvidiaOfHost(inventory, plan) ? [] : blacklist(plan))];
}

export function bindingFiles(inventory: Inventory, plan: Plan): readonly PlannedFile[] {
  const way = wayOf(inventory, plan);
  const grub: PlannedFile = {
    path: 'compute/etc/default/grub.d/berth-passthrough.cfg',
    text:
      `# Then update-grub (or grub2-mkconfig) and reboot.${inventory.cpuVendor === null ? ' intel_iommu=on is for Intel alone, and harmless on AMD.' : ''}\n` +
      `GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT ${kernelWords(inventory, plan).join(' ')}"\n`,
  };
  const modprobe: PlannedFile = {
    path: 'compute/etc/modprobe.d/berth-passthrough.conf',
    text: modprobeText(way, plan),
  };
  return way.kind === 'ids' ? [grub, modprobe] : [grub, modprobe, ...overrideFiles(way.why, plan.bound)];
}

function modprobeText(way: BindingWay, { bound }: Plan): string {
  const options = way.kind === 'ids' ? [`options vfio-pci ids=${way.ids.join(',')} disable_vga=1`] : [];
  const drivers = [...new Set(bound.flatMap(driversOf))];
  const soft = drivers.map((driver) => `softdep ${driver} pre: vfio-pci`);
  return `${['# Then update-initramfs -u (or dracut -f).', ...options, ...soft].join('\n')}\n`;
}

/** Drivers of the host that would be faster. */
function driversOf(device: PciDevice): readonly string[] {
  if (isGpu(device)) return HOST_DRIVERS[device.vendorId] ?? [];
  if (device.classCode >> 8 === AUDIO) return ['snd_hda_intel'];
  return device.classCode >> 8 === USB ? ['xhci_pci'] : [];
}

function hasNvidiaOfHost({ devices }: Inventory, { bound }: Plan): boolean {
  const addresses = new Set(bound.map(({ address }) => address));
  return devices.some(
    (device) => device.vendorId === NVIDIA && isGpu(device) && !addresses.has(device.address),
  );
}

function blacklist({ bound }: Plan): readonly string[] {
  return bound.some(({ vendorId }) => vendorId === NVIDIA) ? ['modprobe.blacklist=nouveau,nvidiafb'] : [];
}

function overrideFiles(why: string, bound: readonly PciDevice[]): readonly PlannedFile[] {
  const addresses = bound.map(({ address }) => address);
  const rules = addresses.map(
    (address) => `ACTION=="add", SUBSYSTEM=="pci", KERNEL=="${address}", ATTR{driver_override}="vfio-pci"`,
  );
  return [
    {
      path: 'compute/etc/udev/rules.d/10-berth-passthrough.rules',
      text: `# By address, since ${why}.\n${rules.join('\n')}\n`,
    },
    { path: 'compute/usr/local/sbin/berth-passthrough-bind', text: bindScript(addresses), isProgram: true },
    { path: 'compute/etc/systemd/system/berth-passthrough.service', text: UNIT },
    {
      path: 'compute/driverctl.sh',
      text:
        '#!/bin/sh\n# Instead of the rule, the program and the unit, where driverctl is installed.\nset -eu\n' +
        `${addresses.map((address) => `driverctl set-override ${address} vfio-pci`).join('\n')}\n`,
      isProgram: true,
    },
  ];
}

/** Every override first: a group can be opened only when its last member has changed hands. */
function bindScript(addresses: readonly string[]): string {
  return `#!/bin/sh
# Gives the functions below to vfio-pci. Undo: write an empty line to driver_override, unbind, drivers_probe.
set -eu
modprobe vfio-pci
devices='${addresses.join(' ')}'
for address in $devices; do
  echo vfio-pci > "/sys/bus/pci/devices/$address/driver_override"
done
for address in $devices; do
  driver=$(basename "$(readlink "/sys/bus/pci/devices/$address/driver" || echo none)")
  if [ "$driver" = vfio-pci ]; then continue; fi
  if [ "$driver" != none ]; then
    # Waits for as long as processes hold the device: stop nvidia-persistenced and what uses the card before.
    echo "$address" > "/sys/bus/pci/devices/$address/driver/unbind"
  fi
  echo "$address" > /sys/bus/pci/drivers_probe
done
`;
}

const UNIT = `[Unit]
Description=Give GPUs to vfio-pci
After=systemd-modules-load.service
Before=libvirtd.service virtqemud.service nova-compute.service docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=120
ExecStart=/usr/local/sbin/berth-passthrough-bind

[Install]
WantedBy=multi-user.target
`;
