"""A hypervisor made of paper: Nova's fake driver with hosts worth scheduling.

What it adds to nova.virt.fake.FakeDriver:

* size, NUMA layout and GPUs (as PCI devices) are read from
  $GPUCLOUD_HOSTS/<host>.json, written from topology.json;
* guests outlive the nova-compute process, as they do on a real hypervisor;
* the console shows what the guest has written, if `guests` keeps one;
* snapshots put a (tiny) image into Glance, so it becomes active and bootable;
* operations can be slowed down or made to fail, see gpucloud/faults.py.

The launcher puts this directory on nova.virt's search path, because Nova loads
compute drivers from that package only: compute_driver = gpucloud.GpuCloudDriver
"""

import functools
import io
import json
import os
import time

from gpucloud import faults
from nova.compute import power_state
import nova.conf
from nova import exception
from nova.image import glance
from nova import objects
from nova.virt import fake
from oslo_log import log as logging
from oslo_serialization import jsonutils

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)


def _operation(method):
    """Wrap a driver method: inject faults before, save the guests after."""
    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        fault = self.faults.take(lambda rules: rules.get(method.__name__))
        if fault:
            LOG.warning('injected fault in %s: %s', method.__name__, fault)
            time.sleep(fault.get('delay', 0))
            if fault.get('error'):
                raise exception.NovaException(fault['error'])
        try:
            return method(self, *args, **kwargs)
        finally:
            self._save_guests()
    return wrapper


class GpuCloudDriver(fake.FakeDriver):

    capabilities = dict(
        fake.FakeDriver.capabilities,
        supports_accelerators=True,
        supports_image_type_qcow2=True,
    )

    def __init__(self, virtapi, read_only=False):
        with open(os.path.join(os.environ['GPUCLOUD_HOSTS'], CONF.host + '.json'),
                  encoding='utf-8') as f:
            self.spec = json.load(f)
        self.guests_file = os.path.join(CONF.state_path, f'guests-{CONF.host}.json')
        self.faults = faults.FaultFile(f'nova-compute@{CONF.host}')
        self.started = time.time()
        self.vcpus = self.spec['cores']
        self.memory_mb = self.spec['memory_gb'] * 1024
        self.local_gb = self.spec['disk_gb']
        super().__init__(virtapi, read_only)
        self.disk_of = {}
        self._load_guests()

    # -- the host ----------------------------------------------------------

    def get_available_resource(self, nodename):
        status = super().get_available_resource(nodename)
        spec = self.spec
        status['disk_available_least'] = self.local_gb - sum(self.disk_of.values())
        status['cpu_info'] = jsonutils.dumps({
            'arch': 'x86_64',
            'vendor': 'Intel',
            'model': 'Skylake-Server-IBRS',
            'topology': {'cells': spec['numa_nodes'], 'sockets': 1, 'threads': 1,
                         'cores': spec['cores'] // spec['numa_nodes']},
            'features': ['avx2', 'avx512f', 'pge', 'clflush'],
        })
        status['numa_topology'] = self._numa_topology()
        status['pci_passthrough_devices'] = jsonutils.dumps(
            [self._pci_device(gpu) for gpu in spec['gpus']])
        return status

    def _pci_device(self, gpu):
        model = self.spec['gpu_models'][gpu['model']]
        return {
            'address': gpu['address'],
            'vendor_id': model['vendor_id'],
            'product_id': model['product_id'],
            'label': f'label_{model["vendor_id"]}_{model["product_id"]}',
            'dev_id': 'pci_' + gpu['address'].replace(':', '_').replace('.', '_'),
            'dev_type': 'type-PCI',
            'numa_node': gpu['numa_node'],
            'parent_addr': None,
            'status': 'available',
        }

    def _numa_topology(self):
        cells = self.spec['numa_nodes']
        cores = self.vcpus // cells
        memory_mb = self.memory_mb // cells
        return objects.NUMATopology(cells=[
            objects.NUMACell(
                id=cell,
                socket=cell,
                cpuset=set(range(cell * cores, (cell + 1) * cores)),
                pcpuset=set(),
                memory=memory_mb,
                cpu_usage=0,
                memory_usage=0,
                pinned_cpus=set(),
                siblings=[],
                mempages=[objects.NUMAPagesTopology(
                    size_kb=4, total=memory_mb * 256, used=0)],
                network_metadata=objects.NetworkMetadata(
                    physnets=set(), tunneled=False),
            ) for cell in range(cells)
        ])._to_json()

    def get_host_uptime(self):
        hours, minutes = divmod(int(time.time() - self.started) // 60, 60)
        return f'{time.strftime("%H:%M:%S")} up {hours}:{minutes:02}, 0 users, load average: 0.00'

    # -- the guests --------------------------------------------------------

    def _load_guests(self):
        try:
            with open(self.guests_file, encoding='utf-8') as f:
                guests = json.load(f)
        except FileNotFoundError:
            return
        for uuid, guest in guests.items():
            self.instances[uuid] = fake.FakeInstance(guest['name'], guest['state'], uuid)
            self.disk_of[uuid] = guest['disk_gb']

    def _save_guests(self):
        self.disk_of = {uuid: self.disk_of.get(uuid, 0) for uuid in self.instances}
        guests = {uuid: {'name': i.name, 'state': i.state, 'disk_gb': self.disk_of[uuid]}
                  for uuid, i in self.instances.items()}
        with open(self.guests_file + '.new', 'w', encoding='utf-8') as f:
            json.dump(guests, f, indent=1)
        os.replace(self.guests_file + '.new', self.guests_file)

    @_operation
    def spawn(self, context, instance, *args, **kwargs):
        flavor = instance.flavor
        self.disk_of[instance.uuid] = (
            flavor.root_gb + flavor.ephemeral_gb + (flavor.swap or 0) // 1024)
        super().spawn(context, instance, *args, **kwargs)

    @_operation
    def pause(self, instance):
        self.instances[instance.uuid].state = power_state.PAUSED

    @_operation
    def unpause(self, instance):
        self.instances[instance.uuid].state = power_state.RUNNING

    @_operation
    def suspend(self, context, instance):
        self.instances[instance.uuid].state = power_state.SUSPENDED

    @_operation
    def resume(self, context, instance, network_info, block_device_info=None):
        self.instances[instance.uuid].state = power_state.RUNNING

    @_operation
    def snapshot(self, context, instance, image_id, update_task_state):
        super().snapshot(context, instance, image_id, update_task_state)
        glance.API().update(
            context, image_id,
            {'status': 'active', 'disk_format': 'qcow2', 'container_format': 'bare',
             'name': glance.API().get(context, image_id)['name']},
            io.BytesIO(f'snapshot of {instance.uuid}\n'.encode()),
            purge_props=False)

    def get_console_output(self, context, instance):
        gpus = ''.join(
            f'[    1.000000] nvidia {dev.address}: {dev.vendor_id}:{dev.product_id} ready\n'
            for dev in (instance.pci_devices or []))
        return (f'[    0.000000] Linux on {CONF.host}, instance {instance.uuid}\n'
                f'{gpus}{self._guest_console(instance)}{instance.hostname} login: ').encode()

    def _guest_console(self, instance):
        """What the guest that `guests` keeps for the server has to say."""
        file = os.path.join(os.environ['GPUCLOUD_GUESTS'], instance.uuid, 'console.log')
        try:
            with open(file, encoding='utf-8', errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''


# Inherited as they are, but subject to faults and saved afterwards.
for _name in ('destroy', 'power_on', 'power_off', 'reboot', 'rescue', 'unrescue',
              'finish_migration', 'finish_revert_migration', 'confirm_migration',
              'migrate_disk_and_power_off', 'post_live_migration_at_destination',
              'attach_interface', 'detach_interface'):
    setattr(GpuCloudDriver, _name, _operation(getattr(fake.FakeDriver, _name)))
