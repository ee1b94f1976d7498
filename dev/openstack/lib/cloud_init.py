"""What cloud-init 22.4 would make of the data that a server was created with.

Pure: user data and public keys in, a Seed out. Read are `#cloud-config` parts,
alone or in a multi-part MIME archive, plain or compressed. Parts of other types
(shell scripts, boot hooks) are nobody's to run here and are left out. `runcmd` is
run by a guest as nobody, in a place of its own (guest.py).
"""

import base64
import binascii
import dataclasses
import email
import re
import shlex
import zlib

import yaml

VERSION = '22.4.2'
DEFAULT_USER = 'ubuntu'
FINAL_MESSAGE = ('Cloud-init v. $version finished at $timestamp. '
                 'Datasource $datasource.  Up $uptime seconds')

# More than any server of a test has; a wrong document must not fill the machine.
TEXT_BYTES_MAX = 1 << 20
PARTS_MAX = 50
USERS_MAX = 20
KEYS_MAX = 100
FILES_MAX = 100
COMMANDS_MAX = 200
TRIES_MAX = 10

# As useradd admits them; also keeps a name from being a path.
USER_NAME = re.compile(r'[a-z_][a-z0-9_-]{0,31}')
HOST_KEY = re.compile(r'(rsa|ecdsa|ed25519)_private')


@dataclasses.dataclass(frozen=True)
class PhoneHome:
    """cc_phone_home: a POST to `url` of what `post` names."""
    url: str
    post: tuple
    tries: int


@dataclasses.dataclass(frozen=True)
class Seed:
    """What the first boot of a server puts in place."""
    keys: dict                  # login name -> the lines of its authorized_keys
    shells: dict                # login name -> shell asked for, where one was
    hostname: str | None
    host_keys: dict             # 'ed25519' -> the private key given for it
    final_message: str
    phone_home: PhoneHome | None
    files: tuple = ()           # (absolute path, content, mode) of write_files
    script: str = ''            # what runcmd becomes; '': nothing


def seed_of(user_data, public_key):
    """The Seed of a server from its user data (base64) and its keypair's public
    key, either of which may be None. What cannot be read counts for nothing."""
    config = {}
    for part, merge_type in _cloud_configs(_decode(user_data)):
        if 'list(append)' in merge_type and 'no_replace' in merge_type:
            config = _appended(config, part)
        else:
            config.update(part)     # cloud-init's default merger: the later part wins
    keys, shells = _users(config, _lines(public_key))
    host_keys = {match[1]: str(value) for name, value in _mapping(config, 'ssh_keys').items()
                 if (match := HOST_KEY.fullmatch(str(name)))}
    hostname = config.get('hostname')
    return Seed(keys=keys, shells=shells,
                hostname=hostname if isinstance(hostname, str) else None,
                host_keys=host_keys,
                final_message=str(config.get('final_message') or FINAL_MESSAGE),
                phone_home=_phone_home(config),
                files=tuple(_files(config)),
                script=_script(config))


def render(template, **values):
    """cloud-init's basic templates: $name and ${name}, in either case."""
    known = {name.lower(): str(value) for name, value in values.items()}
    return re.sub(r'\$\{?([A-Za-z_]+)\}?',
                  lambda match: known.get(match[1].lower(), match[0]), template)


# -- documents ----------------------------------------------------------------

def _decode(user_data):
    try:
        raw = base64.b64decode(user_data or '')
        if raw.startswith(b'\x1f\x8b'):
            raw = zlib.decompressobj(wbits=31).decompress(raw, TEXT_BYTES_MAX)
    except (binascii.Error, ValueError, zlib.error):
        return b''
    return raw


def _cloud_configs(raw):
    """The mapping of each cloud-config part, in order, and how it is to be merged."""
    parts = [(raw, '')]
    if re.match(rb'(?i)(content-type|mime-version)\s*:', raw):
        message = email.message_from_bytes(raw)
        parts = [(part.get_payload(decode=True) or b'', part.get('Merge-Type', ''))
                 for part in message.walk() if not part.is_multipart()][:PARTS_MAX]
    for part, merge_type in parts:
        text = part.decode('utf-8', 'replace').lstrip()
        if not text.startswith('#cloud-config'):
            continue
        try:
            config = yaml.safe_load(text)
        except yaml.YAMLError:
            continue
        if isinstance(config, dict):
            yield config, merge_type


def _appended(old, new):
    """cloud-init's list(append)+dict(recurse_list,no_replace)+str()."""
    if isinstance(old, dict) and isinstance(new, dict):
        merged = {name: _appended(value, new[name]) if name in new else value
                  for name, value in old.items()}
        return {**{name: value for name, value in new.items() if name not in old}, **merged}
    if isinstance(old, list) and isinstance(new, list):
        return old + new
    return old


def _mapping(config, name):
    value = config.get(name)
    return value if isinstance(value, dict) else {}


def _lines(value):
    """Public keys as written: one string, or a list of them."""
    values = value if isinstance(value, list) else [value]
    lines = [line.strip() for text in values if isinstance(text, str)
             for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith('#')][:KEYS_MAX]


# -- users ----------------------------------------------------------------------

def _users(config, keypair):
    """(keys, shells) by login name. The keypair and the keys at top level are the
    default user's; that one exists unless `users` leaves out `default`."""
    legacy = config.get('user')
    legacy = {'name': legacy} if isinstance(legacy, str) else legacy or {}
    default = (legacy.get('name')
               or _mapping(_mapping(config, 'system_info'), 'default_user').get('name')
               or DEFAULT_USER)
    entries = _entries(config.get('users', ['default']))
    if legacy:
        entries.append(dict(legacy, name='default'))

    keys, shells = {}, {}
    for entry in entries[:USERS_MAX]:
        is_default = entry.get('name') == 'default'
        name = default if is_default else entry.get('name')
        if name == 'root' or not isinstance(name, str) or not USER_NAME.fullmatch(name):
            continue
        own = keys.setdefault(name, [])
        if is_default:
            own += keypair + _lines(config.get('ssh_authorized_keys'))
        own += _lines(entry.get('ssh_authorized_keys') or entry.get('ssh-authorized-keys'))
        if isinstance(entry.get('shell'), str):
            shells[name] = entry['shell']
    # The default user may be named twice; its keys are still one set.
    return {name: list(dict.fromkeys(own)) for name, own in keys.items()}, shells


def _entries(users):
    """`users` in any of its spellings, as a list of mappings with a name."""
    if isinstance(users, str):
        users = users.split(',')
    if isinstance(users, dict):
        users = [dict(value, name=name) if isinstance(value, dict) else name
                 for name, value in users.items()]
    if not isinstance(users, list):
        return []
    return [{'name': user.strip()} if isinstance(user, str) else user
            for user in users if isinstance(user, (str, dict))]


def _phone_home(config):
    wanted = _mapping(config, 'phone_home')
    if not isinstance(wanted.get('url'), str):
        return None
    every = ('pub_key_dsa', 'pub_key_rsa', 'pub_key_ecdsa', 'pub_key_ed25519',
             'instance_id', 'hostname', 'fqdn')
    post = wanted.get('post', 'all')
    post = tuple(str(name) for name in post) if isinstance(post, list) else every
    tries = wanted.get('tries', TRIES_MAX)
    tries = tries if isinstance(tries, int) else TRIES_MAX
    return PhoneHome(wanted['url'], post, max(1, min(tries, TRIES_MAX)))


# -- what is put there and run ---------------------------------------------------

def _files(config):
    """write_files, of which only plain text is read."""
    entries = config.get('write_files')
    for entry in (entries if isinstance(entries, list) else [])[:FILES_MAX]:
        if not isinstance(entry, dict) or entry.get('encoding'):
            continue
        path, content = entry.get('path'), entry.get('content')
        if isinstance(path, str) and path.startswith('/') and isinstance(content, str):
            mode = str(entry.get('permissions', '0644'))
            yield path, content, int(mode, 8) if re.fullmatch('[0-7]{3,4}', mode) else 0o644


def _script(config):
    """runcmd as cloud-init's shellify writes it: each command by itself, lists quoted."""
    commands = config.get('runcmd')
    lines = []
    for command in (commands if isinstance(commands, list) else [])[:COMMANDS_MAX]:
        if isinstance(command, list):
            lines.append(' '.join(shlex.quote(str(word)) for word in command))
        elif isinstance(command, str):
            lines.append(command)
    return '#!/bin/sh\n' + '\n'.join(lines) + '\n' if lines else ''
