"""Everything the scripts have to agree on: paths, ports, passwords, topology.

Imported by the other Python helpers, and called by the shell scripts as
`settings.py --shell` to get the same values as shell variables.
"""

import json
import os
import secrets
import shlex
import sys

LIB_DIR = os.path.dirname(os.path.abspath(__file__))
ROOT_DIR = os.path.dirname(LIB_DIR)
PLUGINS_DIR = os.path.join(ROOT_DIR, 'plugins')

STATE = os.path.abspath(os.environ.get('OPENSTACK_STATE') or '/tmp/gpu-openstack')


def path(*parts):
    """A path below the state directory."""
    return os.path.join(STATE, *parts)


def chosen():
    """What the environment says, else what it said the last time."""
    choice = {'OPENSTACK_PORT_OFFSET': '0',
              'OPENSTACK_TOPOLOGY': os.path.join(ROOT_DIR, 'topology.json'),
              'OPENSTACK_ACCELERATOR_URL': 'http://127.0.0.1:16666/accelerator/v2'}
    try:
        with open(path('chosen.json'), encoding='utf-8') as f:
            choice.update(json.load(f))
    except FileNotFoundError:
        pass
    choice.update({name: os.environ[name] for name in choice if os.environ.get(name)})
    return choice


CHOSEN = chosen()
OFFSET = int(CHOSEN['OPENSTACK_PORT_OFFSET'])
REGION = 'RegionOne'
HOST = '127.0.0.1'

# High ports, away from the defaults of the same daemons, so that a machine
# which already runs PostgreSQL, MariaDB, Redis or RabbitMQ is not disturbed.
PORTS = {name: port + OFFSET for name, port in {
    'keystone': 15000,
    'placement': 18778,
    'nova': 18774,
    'glance': 19292,
    'neutron': 19696,
    'mariadb': 13306,
    'rabbitmq': 15673,
    'rabbitmq_dist': 15674,
    'epmd': 15369,
}.items()}

ENDPOINTS = {
    'keystone': f'http://{HOST}:{PORTS["keystone"]}/v3',
    'placement': f'http://{HOST}:{PORTS["placement"]}',
    'nova': f'http://{HOST}:{PORTS["nova"]}/v2.1',
    'glance': f'http://{HOST}:{PORTS["glance"]}',
    'neutron': f'http://{HOST}:{PORTS["neutron"]}',
    # Not served by this cloud: Berth answers here.
    'cyborg': CHOSEN['OPENSTACK_ACCELERATOR_URL'],
}

# service user -> (catalog type, catalog name)
CATALOG = {
    'placement': ('placement', 'placement'),
    'nova': ('compute', 'nova'),
    'glance': ('image', 'glance'),
    'neutron': ('network', 'neutron'),
    'cyborg': ('accelerator', 'cyborg'),
}

DATABASES = ['keystone', 'placement', 'glance', 'neutron',
             'nova_api', 'nova_cell0', 'nova']


def log(service):
    return path('logs', service + '.log')


def topology():
    """The topology in force: the copy `up` made, else the one in the sources."""
    copy = path('topology.json')
    with open(copy if os.path.exists(copy) else CHOSEN['OPENSTACK_TOPOLOGY'],
              encoding='utf-8') as f:
        return json.load(f)


def accounts():
    """(user, project, password key) of every account written to clouds.yaml."""
    rows = [('admin', 'admin'), ('cyborg', 'service')]
    rows += [(p['name'], p['name']) for p in topology()['projects']]
    return rows


def passwords():
    """Random passwords, made once per state directory."""
    file = path('secrets.json')
    known = {}
    if os.path.exists(file):
        with open(file, encoding='utf-8') as f:
            known = json.load(f)
    wanted = {'database', 'rabbitmq'} | {u for u, _ in accounts()} | set(CATALOG)
    missing = wanted - set(known)
    if missing:
        for name in sorted(missing):
            known[name] = secrets.token_hex(12)
        fd = os.open(file + '.new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, 'w', encoding='utf-8') as f:
            json.dump(known, f, indent=2)
        os.replace(file + '.new', file)
    return known


def database_url(name):
    return (f'mysql+pymysql://openstack:{passwords()["database"]}'
            f'@{HOST}:{PORTS["mariadb"]}/{name}?charset=utf8')


def transport_url():
    return (f'rabbit://openstack:{passwords()["rabbitmq"]}'
            f'@{HOST}:{PORTS["rabbitmq"]}/')


def compute_services():
    return [f'nova-compute@{h["name"]}' for h in topology()['hosts']]


if __name__ == '__main__':
    if sys.argv[1:] != ['--shell']:
        sys.exit('usage: settings.py --shell')
    values = {'STATE': STATE, 'PLUGINS_DIR': PLUGINS_DIR}
    values.update({f'PORT_{k.upper()}': v for k, v in PORTS.items()})
    values.update({f'URL_{k.upper()}': v for k, v in ENDPOINTS.items()})
    values['COMPUTE_SERVICES'] = ' '.join(compute_services())
    values['DATABASES'] = ' '.join(DATABASES)
    for key, value in values.items():
        print(f'{key}={shlex.quote(str(value))}')
