import type { HostJson } from '../../api/capacity.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import {
  countsCell,
  linesCell,
  memoryText,
  numberCell,
  shownAs,
  textCell,
  timeCell,
  type Cell,
} from '../format/cell.ts';
import {
  listOptions,
  printList,
  printShow,
  showOptions,
  type Column,
  type ShowFormat,
} from '../format/output.ts';
import { argument } from '../specs.ts';
import { relativeTime } from '../when.ts';

export const hostList = defineCommand({
  path: ['host', 'list'],
  summary: 'List GPU hosts and what is free on each',
  examples: ['berth host list', 'berth host list --sort-column Leases --sort-descending'],
  args: {},
  options: listOptions,
  async run(context, { options }) {
    const { hosts } = await context.client.listHosts();
    printList(
      context,
      options,
      columns(context.nowMs),
      hosts,
      'There are no hosts: no cloud shows any with GPUs.',
    );
  },
});

export const hostShow = defineCommand({
  path: ['host', 'show'],
  summary: 'Show a host with its GPUs and leases',
  examples: ['berth host show gpu-01'],
  args: { host: argument('HOST', 'Id or name.') },
  options: showOptions,
  async run(context, { args, options }) {
    const { host } = await context.client.getHost(args.host);
    printHost(context, options, host);
  },
});

export function printHost(context: CliContext, format: ShowFormat, host: HostJson): void {
  const { nowMs } = context;
  const { drain, used, capacity } = host;
  printShow(context, format, [
    ['id', textCell(host.id)],
    ['name', textCell(host.name)],
    ['provider_id', textCell(host.provider_id)],
    ['status', statusCell(host, nowMs)],
    ['status_reason', textCell(host.status_reason)],
    ['status_since', timeCell(host.status_since, nowMs)],
    ['drain_from', timeCell(drain?.from ?? null, nowMs)],
    [
      'drain_until',
      drain === null ? textCell(null) : { ...timeCell(drain.until, nowMs), ...openEnd(drain.until) },
    ],
    ['drain_reason', textCell(drain?.reason ?? null)],
    ['drain_actor', textCell(drain?.actor ?? null)],
    [
      'claim_kind',
      shownAs(
        host.claim_kind,
        host.claim_kind === 'unit' ? 'unit (Berth picks the GPUs)' : 'slot (Nova picks the GPUs)',
      ),
    ],
    ['gpus_total', countsCell(host.gpus_total)],
    ['gpus_free', countsCell(host.gpus_free)],
    [
      'vcpus',
      shownAs({ used: used.vcpus, total: capacity.vcpus }, `${used.vcpus} of ${capacity.vcpus} used`),
    ],
    ['memory_mib', memoryUse(host)],
    [
      'disk_gib',
      shownAs(
        { used: used.disk_gib, total: capacity.disk_gib },
        `${used.disk_gib} of ${capacity.disk_gib} GiB used`,
      ),
    ],
    ['devices', devicesCell(host)],
    ['lease_count', numberCell(host.lease_count)],
    ['lease_ids', linesCell(host.lease_ids)],
  ]);
}

function columns(nowMs: number): readonly Column<HostJson>[] {
  return [
    { name: 'ID', cell: (host) => textCell(host.id), long: true },
    { name: 'Name', cell: (host) => textCell(host.name) },
    { name: 'Status', cell: (host) => statusCell(host, nowMs) },
    { name: 'GPUs', cell: (host) => countsCell(host.gpus_total) },
    {
      name: 'Free GPUs',
      cell: (host) => countsCell(host.gpus_free, sum(host.gpus_free) > 0 ? 'good' : 'dim'),
    },
    { name: 'VCPUs', cell: ({ used, capacity }) => useCell(used.vcpus, capacity.vcpus) },
    { name: 'RAM', cell: memoryUse, long: true },
    { name: 'Leases', cell: (host) => numberCell(host.lease_count) },
    { name: 'Provider', cell: (host) => textCell(host.provider_id), long: true },
    { name: 'Reason', cell: (host) => textCell(host.drain?.reason ?? host.status_reason), sparse: true },
  ];
}

/** Whether it takes leases: its state, and a maintenance window that has begun or is to come. */
function statusCell(host: HostJson, nowMs: number): Cell {
  const { status, drain } = host;
  if (status !== 'up') return shownAs(status, status, 'bad');
  if (drain === null) return shownAs(status, status, 'good');
  const begins = Date.parse(drain.from);
  const end = drain.until === null ? '' : `, ends ${relativeTime(Date.parse(drain.until), nowMs)}`;
  const words = begins > nowMs ? `up, drain ${relativeTime(begins, nowMs)}` : `drained${end}`;
  return shownAs(status, words, 'warn');
}

function openEnd(until: string | null): Partial<Cell> {
  return until === null ? { text: 'until undrained', short: 'until undrained' } : {};
}

function useCell(used: number, total: number): Cell {
  return { ...shownAs({ used, total }, `${used}/${total}`), align: 'right' };
}

function memoryUse({ used, capacity }: HostJson): Cell {
  const text = `${memoryText(used.memory_mib)} of ${memoryText(capacity.memory_mib)} used`;
  return shownAs({ used: used.memory_mib, total: capacity.memory_mib }, text);
}

function devicesCell(host: HostJson): Cell {
  const lines = host.devices.map((device) => {
    const group = device.iommu_group === null ? '' : `, IOMMU group ${device.iommu_group}`;
    const quarantine = device.quarantine === null ? '' : `, quarantined: ${device.quarantine}`;
    return `${device.class} ${device.address ?? device.id}${group}${quarantine}`;
  });
  return { ...linesCell(lines), value: host.devices.map((device) => ({ ...device })) };
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
