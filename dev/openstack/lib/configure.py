"""Write every configuration file, clouds.yaml and the openrc files.

Idempotent and quick: called on each `up`, so a change of ports, topology or of
this file takes effect on the next (re)start of the services.
"""

import json
import os
import shutil
import sys

import settings as s

PW = s.passwords()
KEYSTONE_ROOT = f'http://{s.HOST}:{s.PORTS["keystone"]}'


def write(name, text, mode=0o600):
    file = s.path(name)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    fd = os.open(file + '.new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, 'w', encoding='utf-8') as f:
        f.write(text)
    os.replace(file + '.new', file)


def ini(name, sections):
    """Write an oslo.config file; a list value becomes a repeated option."""
    lines = []
    for section, options in sections.items():
        lines.append(f'[{section}]')
        for key, value in options.items():
            for item in value if isinstance(value, list) else [value]:
                lines.append(f'{key} = {item}')
        lines.append('')
    write(name, '\n'.join(lines))


def service_auth(user):
    """How a service logs in to Keystone, for any keystoneauth section."""
    return {
        'auth_type': 'password',
        'auth_url': KEYSTONE_ROOT,
        'username': user,
        'password': PW[user],
        'project_name': 'service',
        'user_domain_name': 'Default',
        'project_domain_name': 'Default',
        'region_name': s.REGION,
    }


def authtoken(user):
    return dict(service_auth(user), www_authenticate_uri=KEYSTONE_ROOT,
                service_token_roles_required='true')


# Silence what the libraries say on every request.
LOG_LEVELS = ','.join([
    'amqp=WARN', 'oslo_messaging=INFO', 'oslo_messaging.rpc.client=ERROR', 'stevedore=WARN',
    'sqlalchemy=WARN', 'urllib3=WARN', 'keystonemiddleware=WARN', 'keystoneauth=WARN',
    'iso8601=WARN', 'nova.compute.pci_placement_translator=WARN'])
DATABASE_TUNING = {'max_pool_size': 5, 'max_overflow': 20, 'connection_recycle_time': 600}


# -- infrastructure ---------------------------------------------------------

def mariadb():
    write('etc/mariadb/my.cnf', f'''[mariadbd]
datadir = {s.path('mariadb')}
socket = {s.path('run/mariadb.sock')}
pid-file = {s.path('mariadb/server.pid')}
port = {s.PORTS['mariadb']}
bind-address = {s.HOST}
skip-name-resolve
character-set-server = utf8mb3
max_connections = 400
# Fewer deadlocks when several hosts report their GPUs at once.
transaction-isolation = READ-COMMITTED
performance_schema = off
innodb_buffer_pool_size = 128M
innodb_log_file_size = 32M
# Throw-away data: never wait for the disk.
innodb_flush_method = nosync
innodb_flush_log_at_trx_commit = 0
innodb_doublewrite = 0
aria_pagecache_buffer_size = 8M
''')
    statements = [
        f"CREATE USER IF NOT EXISTS 'openstack'@'{s.HOST}' IDENTIFIED BY '{PW['database']}';",
        f"ALTER USER 'openstack'@'{s.HOST}' IDENTIFIED BY '{PW['database']}';"]
    for name in s.DATABASES:
        statements.append(f'CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb3;')
        statements.append(f"GRANT ALL ON {name}.* TO 'openstack'@'{s.HOST}';")
    write('etc/mariadb/databases.sql', '\n'.join(statements) + '\n')


def rabbitmq():
    write('etc/rabbitmq/rabbitmq.conf', f'''listeners.tcp.1 = {s.HOST}:{s.PORTS['rabbitmq']}
default_user = openstack
default_pass = {PW['rabbitmq']}
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
log.console = false
log.file = rabbitmq-node.log
log.file.level = warning
''')
    write('etc/rabbitmq/enabled_plugins', '[].\n')


# -- OpenStack services -----------------------------------------------------

def keystone():
    ini('etc/keystone/keystone.conf', {
        'DEFAULT': {'log_file': s.log('keystone')},
        'database': dict(DATABASE_TUNING, connection=s.database_url('keystone')),
        'token': {'provider': 'fernet'},
        'fernet_tokens': {'key_repository': s.path('keystone/fernet')},
        'fernet_receipts': {'key_repository': s.path('keystone/receipts')},
        'credential': {'key_repository': s.path('keystone/credential')},
        # bcrypt at its cheapest: these passwords guard nothing.
        'identity': {'password_hash_rounds': 4, 'max_password_length': 72},
        'cache': {'enabled': 'true', 'backend': 'oslo_cache.dict'},
        'oslo_messaging_notifications': {'driver': 'noop'},
    })


def placement():
    ini('etc/placement/placement.conf', {
        'DEFAULT': {'log_file': s.log('placement')},
        'placement_database': dict(DATABASE_TUNING, connection=s.database_url('placement')),
        'api': {'auth_strategy': 'keystone'},
        'keystone_authtoken': authtoken('placement'),
    })


def glance():
    write('etc/glance/glance-api-paste.ini', '''[pipeline:glance-api-keystone]
pipeline = http_proxy_to_wsgi versionnegotiation authtoken context rootapp

[composite:rootapp]
paste.composite_factory = glance.api:root_app_factory
/: apiversions
/v2: apiv2app

[app:apiversions]
paste.app_factory = glance.api.versions:create_resource

[app:apiv2app]
paste.app_factory = glance.api.v2.router:API.factory

[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware:HTTPProxyToWSGI.factory

[filter:versionnegotiation]
paste.filter_factory = glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory

[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
delay_auth_decision = true

[filter:context]
paste.filter_factory = glance.api.middleware.context:ContextMiddleware.factory
''')
    for store in ('images', 'staging', 'tasks'):
        os.makedirs(s.path('glance', store), exist_ok=True)
    ini('etc/glance/glance-api.conf', {
        'DEFAULT': {
            'log_file': s.log('glance'),
            'enabled_backends': 'local:file',
            'public_endpoint': s.ENDPOINTS['glance'],
        },
        'database': dict(DATABASE_TUNING, connection=s.database_url('glance')),
        'glance_store': {'default_backend': 'local'},
        'local': {'filesystem_store_datadir': s.path('glance/images')},
        'os_glance_staging_store': {'filesystem_store_datadir': s.path('glance/staging')},
        'os_glance_tasks_store': {'filesystem_store_datadir': s.path('glance/tasks')},
        'paste_deploy': {'flavor': 'keystone',
                         'config_file': s.path('etc/glance/glance-api-paste.ini')},
        'keystone_authtoken': authtoken('glance'),
        'oslo_messaging_notifications': {'driver': 'noop'},
    })


def neutron():
    write('etc/neutron/api-paste.ini', '''[composite:neutron]
use = egg:Paste#urlmap
/: versions
/v2.0: v2

[pipeline:versions]
pipeline = http_proxy_to_wsgi versionsapp

[pipeline:v2]
pipeline = http_proxy_to_wsgi request_id catch_errors authtoken keystonecontext extensions v2app

[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory

[filter:request_id]
paste.filter_factory = oslo_middleware:RequestId.factory

[filter:catch_errors]
paste.filter_factory = oslo_middleware:CatchErrors.factory

[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory

[filter:keystonecontext]
paste.filter_factory = neutron.auth:NeutronKeystoneContext.factory

[filter:extensions]
paste.filter_factory = neutron.api.extensions:plugin_aware_extension_middleware_factory

[app:versionsapp]
paste.app_factory = neutron.pecan_wsgi.app:versions_factory

[app:v2app]
paste.app_factory = neutron.api.v2.router:APIRouter.factory
''')
    ini('etc/neutron/neutron.conf', {
        'DEFAULT': {
            'host': 'network-node',
            'state_path': s.path('neutron'),
            'api_paste_config': s.path('etc/neutron/api-paste.ini'),
            'transport_url': s.transport_url(),
            'core_plugin': 'ml2',
            'service_plugins': 'gpucloud.l3.AgentlessL3Plugin',
            'dhcp_agent_notification': 'false',
            # Nova learns of floating IPs and port states this way.
            'notify_nova_on_port_status_changes': 'true',
            'notify_nova_on_port_data_changes': 'true',
            'send_events_interval': 1,
            'default_log_levels': LOG_LEVELS,
        },
        'database': dict(DATABASE_TUNING, connection=s.database_url('neutron')),
        'keystone_authtoken': authtoken('neutron'),
        'nova': service_auth('nova'),
        'placement': service_auth('placement'),
        'oslo_concurrency': {'lock_path': s.path('run/locks')},
        'oslo_messaging_notifications': {'driver': 'noop'},
        'quotas': {'quota_port': 1000, 'quota_floatingip': 200, 'quota_security_group': 100,
                   'quota_security_group_rule': 1000},
        'ml2': {
            'type_drivers': 'local,flat',
            'tenant_network_types': 'local',
            'mechanism_drivers': 'gpucloud',
            'extension_drivers': 'port_security',
        },
        'ml2_type_flat': {'flat_networks': 'public'},
    })


def nova():
    write('etc/nova/api-paste.ini', '''[composite:osapi_compute]
use = call:nova.api.openstack.urlmap:urlmap_factory
/: versions
/v2.1: version_v21
/v2.1/+: v21

[pipeline:versions]
pipeline = faults faultwrap http_proxy_to_wsgi versionsapp

[pipeline:version_v21]
pipeline = faults compute_req_id faultwrap http_proxy_to_wsgi version_v21app

[pipeline:v21]
pipeline = faults http_proxy_to_wsgi compute_req_id faultwrap sizelimit authtoken keystonecontext v21app

[filter:faults]
paste.filter_factory = gpucloud.faults:filter_factory
service = nova

[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory

[filter:compute_req_id]
paste.filter_factory = nova.api.compute_req_id:ComputeReqIdMiddleware.factory

[filter:faultwrap]
paste.filter_factory = nova.api.openstack:FaultWrapper.factory

[filter:sizelimit]
paste.filter_factory = oslo_middleware:RequestBodySizeLimiter.factory

[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory

[filter:keystonecontext]
paste.filter_factory = nova.api.auth:NovaKeystoneContext.factory

[app:versionsapp]
paste.app_factory = nova.api.openstack.compute.versions:Versions.factory

[app:version_v21app]
paste.app_factory = nova.api.openstack.compute.versions:VersionsV2.factory

[app:v21app]
paste.app_factory = nova.api.openstack.compute:APIRouterV21.factory
''')
    topology = s.topology()
    ratio = float(topology.get('cpu_allocation_ratio', 4.0))
    ini('etc/nova/nova.conf', {
        'DEFAULT': {
            'my_ip': s.HOST,
            'state_path': s.path('nova'),
            'transport_url': s.transport_url(),
            'enabled_apis': 'osapi_compute',
            'osapi_compute_listen': s.HOST,
            'osapi_compute_listen_port': s.PORTS['nova'],
            'osapi_compute_workers': 1,
            'compute_driver': 'gpucloud.GpuCloudDriver',
            'cpu_allocation_ratio': ratio,
            'ram_allocation_ratio': 1.0,
            'disk_allocation_ratio': 1.0,
            # Ports are ACTIVE as soon as they are bound; wait for nothing.
            'vif_plugging_is_fatal': 'false',
            'vif_plugging_timeout': 0,
            # Notice dead hosts, and PCI changes, sooner than in production.
            'report_interval': 5,
            'service_down_time': 20,
            'update_resources_interval': 10,
            'periodic_fuzzy_delay': 0,
            'default_log_levels': LOG_LEVELS,
            'allow_resize_to_same_host': 'true',
        },
        'wsgi': {'api_paste_config': s.path('etc/nova/api-paste.ini'),
                 'default_pool_size': 100},
        'conductor': {'workers': 1},
        'scheduler': {'workers': 1, 'discover_hosts_in_cells_interval': 5},
        'filter_scheduler': {
            'enabled_filters': ','.join([
                'ComputeFilter', 'ComputeCapabilitiesFilter', 'ImagePropertiesFilter',
                'ServerGroupAntiAffinityFilter', 'ServerGroupAffinityFilter',
                'AggregateInstanceExtraSpecsFilter', 'NUMATopologyFilter',
                'PciPassthroughFilter']),
        },
        'pci': {
            'alias': [json.dumps({'name': alias, 'device_type': 'type-PCI',
                                  'vendor_id': m['vendor_id'], 'product_id': m['product_id']})
                      for m in topology['gpu_models'].values() for alias in m['aliases']],
            'report_in_placement': 'true',
        },
        'quota': {'instances': 1000, 'cores': 10000, 'ram': 100000000, 'key_pairs': 1000,
                  'server_groups': 100, 'server_group_members': 100},
        'keystone_authtoken': authtoken('nova'),
        'service_user': dict(service_auth('nova'), send_service_user_token='true'),
        'placement': service_auth('placement'),
        'neutron': service_auth('neutron'),
        'glance': {'region_name': s.REGION, 'num_retries': 1},
        # [cyborg] finds the `accelerator` endpoint in the service catalog.
        'cyborg': {'region_name': s.REGION},
        'cinder': {'catalog_info': 'volumev3::publicURL'},
        'vnc': {'enabled': 'false'},
        'oslo_concurrency': {'lock_path': s.path('run/locks')},
        'oslo_messaging_notifications': {'driver': 'noop'},
    })
    # nova-compute must not see these: it reaches the database via the conductor.
    ini('etc/nova/database.conf', {
        'database': dict(DATABASE_TUNING, connection=s.database_url('nova')),
        'api_database': dict(DATABASE_TUNING, connection=s.database_url('nova_api')),
    })
    for host in topology['hosts']:
        # A GPU with "passthrough": false is left to the accelerator service.
        specs = []
        for gpu in host['gpus']:
            if not gpu.get('passthrough', True):
                continue
            model = topology['gpu_models'][gpu['model']]
            spec = {'address': gpu['address'], 'vendor_id': model['vendor_id'],
                    'product_id': model['product_id']}
            if model.get('traits'):
                spec['traits'] = ','.join(model['traits'])
            specs.append(json.dumps(spec))
        # What the hypervisor driver reports about the host.
        write(f'etc/nova/hosts/{host["name"]}.json',
              json.dumps(dict(host, gpu_models=topology['gpu_models']), indent=2))
        ini(f'etc/nova/compute-{host["name"]}.conf', {
            'DEFAULT': {'host': host['name']},
            'pci': {'device_spec': specs},
        })


# -- for the users ----------------------------------------------------------

def clients():
    clouds = ['# Written by dev/openstack/up.', 'clouds:']
    for user, project in s.accounts():
        rc = {
            'OS_AUTH_URL': s.ENDPOINTS['keystone'],
            'OS_USERNAME': user,
            'OS_PASSWORD': PW[user],
            'OS_PROJECT_NAME': project,
            'OS_USER_DOMAIN_NAME': 'Default',
            'OS_PROJECT_DOMAIN_NAME': 'Default',
            'OS_REGION_NAME': s.REGION,
            'OS_IDENTITY_API_VERSION': '3',
            'OS_INTERFACE': 'public',
        }
        clouds += [
            f'  {user}:',
            f'    region_name: {s.REGION}',
            '    identity_api_version: 3',
            '    interface: public',
            '    auth:',
            f'      auth_url: {s.ENDPOINTS["keystone"]}',
            f'      username: {user}',
            f'      password: "{PW[user]}"',
            f'      project_name: {project}',
            '      user_domain_name: Default',
            '      project_domain_name: Default',
        ]
        text = ''.join(f'export {key}={value}\n' for key, value in rc.items())
        write(f'openrc-{user}', text)
        if user == 'admin':
            write('openrc', text)
    write('clouds.yaml', '\n'.join(clouds) + '\n')


def refuse_to_move_a_running_cloud():
    try:
        with open(s.path('chosen.json'), encoding='utf-8') as f:
            offset = int(json.load(f)['OPENSTACK_PORT_OFFSET'])
    except FileNotFoundError:
        return
    pids = [name for name in os.listdir(s.path('run')) if name.endswith('.pid')]
    if offset != s.OFFSET and pids:
        sys.exit(f'the cloud in {s.STATE} uses port offset {offset}; run down first')


def main():
    refuse_to_move_a_running_cloud()
    source = os.path.abspath(s.CHOSEN['OPENSTACK_TOPOLOGY'])
    with open(source, encoding='utf-8') as f:
        try:
            json.load(f)
        except ValueError as e:
            sys.exit(f'{source}: {e}')
    shutil.copyfile(source, s.path('topology.json.new'))
    os.replace(s.path('topology.json.new'), s.path('topology.json'))
    remembered = dict(s.CHOSEN, OPENSTACK_TOPOLOGY=source)
    if source == os.path.join(s.ROOT_DIR, 'topology.json'):
        del remembered['OPENSTACK_TOPOLOGY']
    write('chosen.json', json.dumps(remembered, indent=2) + '\n')
    # After the copy, because it may name accounts that need a password.
    PW.update(s.passwords())
    for directory in ('run/locks', 'faults', 'logs', 'home', 'nova', 'neutron',
                      'keystone', 'etc/empty.d'):
        os.makedirs(s.path(directory), exist_ok=True)
    for part in (mariadb, rabbitmq, keystone, placement, glance, neutron, nova, clients):
        part()


if __name__ == '__main__':
    main()
