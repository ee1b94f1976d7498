"""The guests of the paper hypervisors: a watcher that keeps one for each server.

  guests.py run                    watch until told to end (SIGTERM)
  guests.py options [OPTION...]    say how, before or while it runs:
      --boot-delay SECONDS   from ACTIVE until SSH answers (0.5)
      --fixed                servers without a floating IP answer at their fixed one
  guests.py status                 one line per guest
  guests.py clean                  take away what a watcher that was killed has left

What runs is what Nova's database calls active. The database and not the API, so
that injected faults, which are for Nova's users, do not disturb the guests.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pymysql

import cloud_init
import guest
import settings as s

HOME = s.path('guests')
OPTIONS = os.path.join(HOME, 'options.json')
STATUS = os.path.join(HOME, 'status.json')

# How soon a guest follows its server. One query costs about a millisecond.
POLL_S = 0.2
DATABASE_TIMEOUT_S = 5
# Many times what the hosts of a topology hold.
SERVERS_MAX = 1000

SERVERS = f'''
    SELECT i.uuid, i.vm_state, i.hostname,
           MIN(f.floating_ip_address), MIN(a.ip_address)
    FROM nova.instances i
    LEFT JOIN neutron.ports p ON p.device_id = i.uuid
    LEFT JOIN neutron.ipallocations a ON a.port_id = p.id
    LEFT JOIN neutron.floatingips f ON f.fixed_port_id = p.id
    WHERE i.deleted = 0
    GROUP BY i.uuid, i.vm_state, i.hostname
    LIMIT {SERVERS_MAX}'''
SEED = 'SELECT user_data, key_data FROM nova.instances WHERE uuid = %s'


class Database:
    """Nova's and Neutron's tables; connects again after a failure."""

    def __init__(self):
        self.connection = None

    def rows(self, query, *values):
        try:
            if not self.connection:
                self.connection = pymysql.connect(
                    host=s.HOST, port=s.PORTS['mariadb'], user='openstack',
                    password=s.passwords()['database'], autocommit=True,
                    connect_timeout=DATABASE_TIMEOUT_S, read_timeout=DATABASE_TIMEOUT_S)
            with self.connection.cursor() as cursor:
                cursor.execute(query, values)
                return cursor.fetchall()
        except (pymysql.Error, OSError):
            self.connection = None
            raise


class Addresses:
    """Addresses on the loopback interface. They carry the label of this cloud, so
    that another one's are never touched and those of a dead watcher are found.

    The rest of the public network is made unreachable: what connects to a server
    that is gone has to be refused here, and not travel to whoever is out there."""

    def __init__(self):
        self.label = 'lo:' + hashlib.sha256(s.STATE.encode()).hexdigest()[:8]
        self.network = s.topology()['public_network']['cidr']

    def prepare(self):
        """Begin anew, whatever a dead watcher has left."""
        self.remove_all()
        self._ip('route', 'replace', 'unreachable', self.network)

    def add(self, address):
        """False if it is there already, which makes it somebody else's."""
        return self._ip('addr', 'add', f'{address}/32', 'dev', 'lo', 'label', self.label)

    def remove(self, address):
        self._ip('addr', 'del', f'{address}/32', 'dev', 'lo')

    def remove_all(self):
        self._ip('addr', 'flush', 'dev', 'lo', 'label', self.label)
        self._ip('route', 'del', 'unreachable', self.network)

    def _ip(self, *arguments):
        return subprocess.run(['ip', '-4', *arguments], check=False,
                              capture_output=True).returncode == 0


class Watcher:

    def __init__(self):
        self.database = Database()
        self.addresses = Addresses()
        self.guests = {}
        self.ending = False
        self.shown = None

    def run(self):
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        self.addresses.prepare()
        while not self.ending:
            try:
                self._follow(self.database.rows(SERVERS))
            except (pymysql.Error, OSError, subprocess.SubprocessError) as e:
                # Above all: guests do not care whether the control plane is up.
                print(f'{type(e).__name__}: {e}', flush=True)
                time.sleep(1)
            self._show()
            time.sleep(POLL_S)
        for one in self.guests.values():
            one.switch_off(self.addresses)
        self.guests.clear()
        self.addresses.remove_all()
        self._show()

    def _end(self, *_):
        self.ending = True

    def _follow(self, servers):
        """Make the guests what the servers are."""
        options = read_options()
        running = {row[0] for row in servers if row[1] == 'active'}
        for uuid in set(self.guests) - running:
            self.guests.pop(uuid).switch_off(self.addresses)
            print(f'{uuid}: off', flush=True)
        for uuid, _, hostname, floating, fixed in servers:
            if uuid not in running:
                continue
            if uuid not in self.guests:
                self.guests[uuid] = self._boot(uuid, hostname, options['boot_delay'])
            address = floating or (fixed if options['fixed'] else None)
            self.guests[uuid].advance(address, self.addresses)
        if len(servers) < SERVERS_MAX:
            forget_all_but({row[0] for row in servers})

    def _boot(self, uuid, hostname, boot_delay):
        ((user_data, public_key),) = self.database.rows(SEED, uuid)
        print(f'{uuid}: on', flush=True)
        return guest.Guest(uuid, hostname, cloud_init.seed_of(user_data, public_key),
                           os.path.join(HOME, 'servers', uuid), boot_delay)

    def _show(self):
        """Write down how the guests are, for `status`, when that has changed."""
        now = [{'server': one.uuid, 'hostname': one.hostname, 'state': one.state,
                'address': one.address, 'users': list(one.seed.keys)}
               for one in self.guests.values()]
        if now != self.shown:
            replace(STATUS, now)
            self.shown = now


def forget_all_but(uuids):
    """The disk of a server goes with it."""
    for name in set(os.listdir(os.path.join(HOME, 'servers'))) - uuids:
        shutil.rmtree(os.path.join(HOME, 'servers', name), ignore_errors=True)


def replace(file, document):
    with open(file + '.new', 'w', encoding='utf-8') as f:
        json.dump(document, f, indent=1)
    os.replace(file + '.new', file)


def read_options():
    with open(OPTIONS, encoding='utf-8') as f:
        return json.load(f)


def write_options(arguments):
    parser = argparse.ArgumentParser(prog='guests start')
    parser.add_argument('--boot-delay', type=float, default=0.5, metavar='SECONDS')
    parser.add_argument('--fixed', action='store_true')
    os.makedirs(os.path.join(HOME, 'servers'), exist_ok=True)
    replace(OPTIONS, vars(parser.parse_args(arguments)))


def show_status():
    try:
        with open(STATUS, encoding='utf-8') as f:
            guests = json.load(f)
    except FileNotFoundError:
        return
    for one in guests:
        print(f'{one["server"]}  {one["address"] or "-":<15}  {one["state"]:<10}  '
              f'{one["hostname"]}  {",".join(one["users"])}')


def main():
    command, arguments = (sys.argv[1:2] or [''])[0], sys.argv[2:]
    if command == 'run':
        Watcher().run()
    elif command == 'options':
        write_options(arguments)
    elif command == 'status':
        show_status()
    elif command == 'clean':
        Addresses().remove_all()
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main()
