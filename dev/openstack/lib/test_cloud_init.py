"""Tests of cloud_init.py: python3 -m unittest test_cloud_init, in this directory."""

import base64
import email.mime.multipart
import email.mime.text
import gzip
import json
import unittest

import cloud_init

PAIR = 'ssh-ed25519 PAIR demo@laptop'


def seed_of(config, public_key=PAIR):
    text = config if isinstance(config, bytes) else b'#cloud-config\n' + json.dumps(config).encode()
    return cloud_init.seed_of(base64.b64encode(text).decode(), public_key)


class Users(unittest.TestCase):

    def test_without_user_data_the_keypair_is_the_default_users(self):
        self.assertEqual(cloud_init.seed_of(None, PAIR).keys, {'ubuntu': [PAIR]})
        self.assertEqual(cloud_init.seed_of(None, None).keys, {'ubuntu': []})

    def test_keys_at_top_level_are_the_default_users_too(self):
        config = {'ssh_authorized_keys': ['ssh-rsa A', 'ssh-rsa B']}
        self.assertEqual(seed_of(config).keys, {'ubuntu': [PAIR, 'ssh-rsa A', 'ssh-rsa B']})

    def test_the_default_user_can_have_another_name(self):
        for config in ({'user': 'alice'}, {'user': {'name': 'alice'}},
                       {'system_info': {'default_user': {'name': 'alice'}}}):
            self.assertEqual(seed_of(config).keys, {'alice': [PAIR]})

    def test_users_have_keys_of_their_own(self):
        config = {'users': ['default', {'name': 'bob', 'ssh_authorized_keys': 'ssh-rsa B'}],
                  'ssh_authorized_keys': ['ssh-rsa A']}
        self.assertEqual(seed_of(config).keys,
                         {'ubuntu': [PAIR, 'ssh-rsa A'], 'bob': ['ssh-rsa B']})

    def test_users_without_default_leave_it_out_and_the_keypair_with_it(self):
        config = {'users': [{'name': 'bob', 'ssh-authorized-keys': ['ssh-rsa B']}]}
        self.assertEqual(seed_of(config).keys, {'bob': ['ssh-rsa B']})

    def test_nobody_becomes_root_or_a_path(self):
        config = {'users': [{'name': name} for name in ('root', '../x', 'A b', '', 7)]}
        self.assertEqual(seed_of(config).keys, {})


class SetUp(unittest.TestCase):

    def test_commands_become_a_script_in_which_words_stay_words(self):
        seed = seed_of({'runcmd': [['run', "it's", '$(x)'], 'echo a > b', 7]})
        self.assertEqual(seed.script, "#!/bin/sh\nrun 'it'\"'\"'s' '$(x)'\necho a > b\n")
        self.assertEqual(seed_of({}).script, '')

    def test_files_are_plain_text_at_absolute_paths(self):
        seed = seed_of({'write_files': [{'path': '/a', 'content': 'x', 'permissions': '0755'},
                                        {'path': 'b', 'content': 'x'},
                                        {'path': '/c', 'content': 'eA==', 'encoding': 'b64'}]})
        self.assertEqual(seed.files, (('/a', 'x', 0o755),))

    def test_a_part_may_ask_to_be_appended(self):
        archive = email.mime.multipart.MIMEMultipart()
        archive.attach(email.mime.text.MIMEText(
            '#cloud-config\nruncmd: [first]\nhostname: one\n', 'cloud-config'))
        part = email.mime.text.MIMEText(
            '#cloud-config\nruncmd: [second]\nhostname: two\n', 'cloud-config')
        part['Merge-Type'] = 'list(append)+dict(recurse_list,no_replace)+str()'
        archive.attach(part)
        seed = seed_of(archive.as_bytes())
        self.assertEqual((seed.script, seed.hostname), ('#!/bin/sh\nfirst\nsecond\n', 'one'))


class Documents(unittest.TestCase):

    def test_later_parts_of_an_archive_win(self):
        archive = email.mime.multipart.MIMEMultipart()
        for kind, text in (('cloud-config', '#cloud-config\nhostname: one\nuser: alice\n'),
                           ('x-shellscript', '#!/bin/sh\necho no\n'),
                           ('cloud-config', '#cloud-config\nhostname: two\n')):
            archive.attach(email.mime.text.MIMEText(text, kind))
        seed = seed_of(archive.as_bytes())
        self.assertEqual((seed.hostname, seed.keys), ('two', {'alice': [PAIR]}))

    def test_compressed(self):
        seed = seed_of(gzip.compress(b'#cloud-config\nhostname: small\n'))
        self.assertEqual(seed.hostname, 'small')

    def test_what_cannot_be_read_counts_for_nothing(self):
        for raw in (b'#!/bin/sh\n', b'#cloud-config\n[', b'#cloud-config\n- a list\n',
                    b'\x1f\x8bbroken', b'\xff\xfe'):
            self.assertEqual(seed_of(raw).keys, {'ubuntu': [PAIR]})
        self.assertEqual(cloud_init.seed_of('no base64', PAIR).keys, {'ubuntu': [PAIR]})


class Boot(unittest.TestCase):

    def test_phone_home(self):
        wanted = seed_of({'phone_home': {'url': 'http://h/$INSTANCE_ID', 'post': ['fqdn'],
                                         'tries': 99}}).phone_home
        self.assertEqual(wanted, cloud_init.PhoneHome('http://h/$INSTANCE_ID', ('fqdn',), 10))
        everything = seed_of({'phone_home': {'url': 'http://h/', 'post': 'all'}}).phone_home
        self.assertIn('instance_id', everything.post)
        self.assertIsNone(seed_of({'phone_home': {'post': 'all'}}).phone_home)

    def test_host_keys_that_are_given(self):
        config = {'ssh_keys': {'ed25519_private': 'SECRET', 'ed25519_public': 'ssh-ed25519 P'}}
        self.assertEqual(seed_of(config).host_keys, {'ed25519': 'SECRET'})

    def test_templates(self):
        self.assertEqual(cloud_init.render('$A-${b}-$c', a=1, b=2), '1-2-$c')


if __name__ == '__main__':
    unittest.main()
