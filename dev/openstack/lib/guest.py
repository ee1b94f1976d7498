"""One guest: what a server would be if its hypervisor were not made of paper.

A guest boots, which shows on its console and may call home, runs what its user
data say as nobody and in a place of its own, and answers SSH at an address on the loopback interface as long as it has one. Its directory (host
keys, home directories, console) lives as long as the server; the process, the
address and the sessions end when the guest is switched off.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import cloud_init
import settings as s

GUEST_INIT = os.path.join(s.LIB_DIR, 'guest-init')
GUEST_SETUP = os.path.join(s.LIB_DIR, 'guest-setup')
# Who runs it: nobody that the machine knows, so that it can change nothing of it.
SETUP_UID = 60999
# The only places that it can put files into.
SETUP_PLACES = ('/var/lib/', '/var/log/')
SETUP_TIMEOUT_S = 120
# Out of the way of the accounts of the machine, whose files a guest can reach.
FIRST_UID = 61000
DOMAIN = 'novalocal'

PHONE_TIMEOUT_S = 5
PHONE_PAUSE_S = 3
KILL_TIMEOUT_S = 10
# A door that could not be opened (address taken, sshd died) is tried again.
RETRY_S = 2
CONSOLE_BYTES_MAX = 256 * 1024

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Guest:

    def __init__(self, uuid, hostname, seed, directory, boot_delay):
        self.uuid = uuid
        self.hostname = seed.hostname or hostname
        self.seed = seed
        self.directory = directory
        self.started = time.monotonic()
        self.ready_at = self.started + boot_delay
        self.booted = False
        self.setup = None           # the process that runs its runcmd
        self.off = threading.Event()
        self.address = None         # on the loopback interface
        self.door = None            # the process that sshd lives in
        self.retry_at = 0
        self.problem = ''
        self._furnish()
        self._say('[    2.500000] systemd[1]: Set hostname to '
                  f'<{self.hostname}>.\ncloud-init[431]: Cloud-init v. '
                  f'{cloud_init.VERSION} running \'init\'\n', fresh=True)

    @property
    def state(self):
        if not self.booted:
            return 'booting'
        if self.door:
            return 'up'
        return self.problem or 'no address'

    def advance(self, address, addresses):
        """Bring the guest closer to where it should be: booted, and reachable at
        `address` (None: nowhere). `addresses` adds and removes them."""
        now = time.monotonic()
        if self.door and self.door.poll() is not None:
            self._close('sshd ended', now)
        if self.address and self.address != address:
            self.close(addresses)
        if address and not self.address and now >= self.retry_at:
            if addresses.add(address):
                self.address = address
            else:
                self.problem, self.retry_at = f'{address} is taken', now + RETRY_S
        if now < self.ready_at:
            return
        if self.address and not self.door and now >= self.retry_at:
            self._open()
        if not self.booted:
            self.booted = True
            threading.Thread(target=self._finish_boot, daemon=True).start()

    def close(self, addresses):
        """Nobody reaches the guest any more: its sessions end, its address goes."""
        if self.door:
            _kill(self.door)
            self.door = None
        if self.address:
            addresses.remove(self.address)
            self.address = None

    def switch_off(self, addresses):
        self.off.set()
        if self.setup:
            _kill(self.setup)
        self.close(addresses)

    # -- its disk ---------------------------------------------------------------

    def _path(self, *parts):
        return os.path.join(self.directory, *parts)

    def _write(self, name, text):
        with open(self._path(name), 'w', encoding='utf-8') as f:
            f.write(text)

    def _furnish(self):
        """Accounts, keys and homes; what an earlier boot has left is kept."""
        for part in ('etc', 'home', 'authorized_keys'):
            os.makedirs(self._path(part), exist_ok=True)
        # Entered by the guest's users, where it is mounted on /home.
        os.chmod(self._path('home'), 0o755)
        self._write('etc/hostname', self.hostname + '\n')
        with open('/etc/hosts', encoding='utf-8') as f:
            self._write('etc/hosts', f'{f.read()}\n127.0.1.1 {self.hostname}\n')
        users = {name: FIRST_UID + i for i, name in enumerate(self.seed.keys)}
        for name, uid in users.items():
            self._write(f'authorized_keys/{name}', '\n'.join(self.seed.keys[name]) + '\n')
            home = self._path('home', name)
            if not os.path.isdir(home):
                shutil.copytree('/etc/skel', home)
                for entry in [home, *(os.path.join(home, n) for n in os.listdir(home))]:
                    os.chown(entry, uid, uid)
            os.chmod(home, 0o750)
        self._accounts(users)
        self._host_keys()

    def _accounts(self, users):
        """The machine's accounts, with the guest's in their place."""
        def shell(name):
            wanted = self.seed.shells.get(name, '')
            usable = os.access(wanted, os.X_OK) and not wanted.endswith('nologin')
            return wanted if usable else '/bin/bash'

        rows = {
            'passwd': lambda n, uid: f'{n}:x:{uid}:{uid}::/home/{n}:{shell(n)}\n',
            'group': lambda n, uid: f'{n}:x:{uid}:\n',
            'shadow': lambda n, uid: f'{n}:*:19000:0:99999:7:::\n',
        }
        for file, row in rows.items():
            with open(f'/etc/{file}', encoding='utf-8') as f:
                others = [line for line in f if line.partition(':')[0] not in users]
            text = ''.join(others + [row(name, uid) for name, uid in users.items()])
            self._write(f'etc/{file}', text)
            os.chmod(self._path('etc', file), 0o600 if file == 'shadow' else 0o644)

    def _host_keys(self):
        for kind, private in self.seed.host_keys.items():
            self._write(f'ssh_host_{kind}_key', private.strip() + '\n')
            os.chmod(self._path(f'ssh_host_{kind}_key'), 0o600)
            public = subprocess.run(['ssh-keygen', '-y', '-f', self._path(f'ssh_host_{kind}_key')],
                                    stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                    check=False).stdout
            self._write(f'ssh_host_{kind}_key.pub', public)
        if not self._key_names():
            subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '',
                            '-C', f'root@{self.hostname}',
                            '-f', self._path('ssh_host_ed25519_key')], check=True)

    def _key_names(self):
        return sorted(n for n in os.listdir(self.directory)
                      if n.startswith('ssh_host_') and n.endswith('_key'))

    def public_host_keys(self):
        """'ed25519' -> the public key."""
        keys = {}
        for name in self._key_names():
            with open(self._path(name + '.pub'), encoding='utf-8') as f:
                keys[name.split('_')[2]] = f.read().strip()
        return keys

    # -- its console ------------------------------------------------------------

    def _say(self, text, fresh=False):
        """Add to the console, which Nova's driver reads (plugins/nova_virt)."""
        file = self._path('console.log')
        if not fresh and os.path.exists(file) and os.path.getsize(file) > CONSOLE_BYTES_MAX:
            return
        with open(file, 'w' if fresh else 'a', encoding='utf-8') as f:
            f.write(text)

    # -- its boot ---------------------------------------------------------------

    def _finish_boot(self):
        self._set_up()
        if self.off.is_set():
            return
        message = cloud_init.render(
            self.seed.final_message, version=cloud_init.VERSION,
            timestamp=time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime()),
            datasource='DataSourceOpenStackLocal [net,ver=2]',
            uptime=f'{time.monotonic() - self.started:.2f}')
        self._say('-----BEGIN SSH HOST KEY KEYS-----\n'
                  + ''.join(key + '\n' for key in self.public_host_keys().values())
                  + f'-----END SSH HOST KEY KEYS-----\n{message}\n')
        if self.seed.phone_home and not os.path.exists(self._path('phoned-home')):
            threading.Thread(target=self._phone_home, daemon=True).start()

    def _set_up(self):
        """Once in the life of the server, as cc_runcmd does it."""
        if not self.seed.script or os.path.exists(self._path('set-up')):
            return
        for place in SETUP_PLACES:
            os.makedirs(self._path('setup' + place), exist_ok=True)
        for file, content, mode in self.seed.files:
            if not file.startswith(SETUP_PLACES) or '..' in file.split('/'):
                continue
            os.makedirs(os.path.dirname(self._path('setup' + file)), exist_ok=True)
            self._write('setup' + file, content)
            os.chmod(self._path('setup' + file), mode)
        self._write('setup/runcmd', self.seed.script)
        subprocess.run(['chown', '-R', f'{SETUP_UID}:{SETUP_UID}', self._path('setup'),
                        self._path('console.log')], check=True)
        self.setup = subprocess.Popen(
            ['unshare', '--uts', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc',
             'timeout', str(SETUP_TIMEOUT_S),
             GUEST_SETUP, self.hostname, self.directory, str(SETUP_UID)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd='/', start_new_session=True, preexec_fn=_die_with_parent)
        self.setup.wait()
        self.setup = None
        if not self.off.is_set():
            self._write('set-up', '')

    def _phone_home(self):
        """Once in the life of the server, as cc_phone_home does it."""
        wanted = self.seed.phone_home
        known = {f'pub_key_{kind}': key for kind, key in self.public_host_keys().items()}
        known.update(instance_id=self.uuid, hostname=self.hostname,
                     fqdn=f'{self.hostname}.{DOMAIN}')
        body = urllib.parse.urlencode({name: known.get(name, 'N/A') for name in wanted.post})
        url = cloud_init.render(wanted.url, instance_id=self.uuid)
        for _ in range(wanted.tries):
            if self.off.is_set():
                return
            try:
                OPENER.open(url, body.encode(), timeout=PHONE_TIMEOUT_S).close()
                break
            except (OSError, ValueError, urllib.error.URLError) as e:
                print(f'{self.uuid}: phone_home {url}: {e}', flush=True)
            self.off.wait(PHONE_PAUSE_S)
        if not self.off.is_set():
            self._write('phoned-home', '')

    # -- its door ---------------------------------------------------------------

    def _open(self):
        users = ' '.join(self.seed.keys)
        lines = [
            f'ListenAddress {self.address}:22',
            *(f'HostKey {self._path(name)}' for name in self._key_names()),
            'PidFile none',
            'UsePAM no',
            'PasswordAuthentication no',
            'KbdInteractiveAuthentication no',
            'PermitRootLogin no',
            f'AllowUsers {users}' if users else 'DenyUsers *',
            # A command, because the users may not read below the state directory.
            'AuthorizedKeysFile none',
            f'AuthorizedKeysCommand /usr/bin/cat {self._path("authorized_keys")}/%u',
            'AuthorizedKeysCommandUser root',
            'UseDNS no',
            'PrintMotd no',
            'Subsystem sftp internal-sftp',
        ]
        self._write('etc/sshd_config', '\n'.join(lines) + '\n')
        with open(self._path('sshd.log'), 'w', encoding='utf-8') as log:
            self.door = subprocess.Popen(
                ['unshare', '--uts', '--mount', '--pid', '--fork', '--kill-child',
                 '--mount-proc', GUEST_INIT, self.hostname, self.directory],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd='/',
                start_new_session=True, preexec_fn=_die_with_parent)
        self.problem = ''

    def _close(self, problem, now):
        """The process has ended by itself: remember why, try again later."""
        with open(self._path('sshd.log'), encoding='utf-8', errors='replace') as f:
            print(f'{self.uuid}: {problem}: {f.read(2000)}', flush=True)
        self.door, self.problem, self.retry_at = None, problem, now + RETRY_S


def _die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill(door):
    """End a guest's first process, and with it everything in its namespace. When
    this returns, the sockets are closed and the peers know."""
    try:
        with open(f'/proc/{door.pid}/task/{door.pid}/children', encoding='utf-8') as f:
            children = f.read().split()
        for pid in children:
            os.kill(int(pid), signal.SIGKILL)
        door.wait(KILL_TIMEOUT_S if children else 0)
    except (OSError, subprocess.TimeoutExpired):
        # Not unshared yet, or stuck: --kill-child passes this on.
        door.kill()
        door.wait()
