import { MINUTE_MS } from '../../base/units.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { matching, oneOf, wholeNumber } from '../parameters.ts';
import type { Profile, ProfileFault, Values } from '../profile.ts';

/**
 * JupyterLab as the login user. By default it listens on loopback, behind a token that the machine makes and
 * keeps: no secret goes through user data. Who wants it on all addresses gives the hash of a password.
 */
export const jupyter: Profile = {
  name: 'jupyter',
  summary: 'JupyterLab, reached through ssh -L or behind a password',
  parameters: {
    port: wholeNumber({ min: 1024, max: 65_535 }, 'Port that it listens on.', 8888),
    listen: oneOf(['loopback', 'all'], 'Addresses it listens on; all needs password_hash.', 'loopback'),
    password_hash: matching(
      /^(?:|argon2:\$argon2id\$[A-Za-z0-9$=,+/.-]{20,300})$/,
      "a hash as 'jupyter server password' makes it (argon2:$argon2id$…)",
      "Hash of the password; empty: a token. Whoever reads the machine's user data has it, and can try passwords.",
      '',
    ),
    version: matching(
      /^\d{1,2}(?:\.\d{1,3}){1,2}$/,
      'a version such as 4.2.5',
      'Version of JupyterLab.',
      '4.2.5',
    ),
  },
  requires: [],
  conflicts: [],
  needs: { network: ['pypi.org', 'files.pythonhosted.org'], diskGiB: 2 },
  cloudConfig: () => ({
    write_files: [
      {
        path: '/etc/systemd/system/berth-jupyter.service',
        content: [
          '[Unit]',
          'Description=JupyterLab',
          'After=network.target',
          '',
          '[Service]',
          'EnvironmentFile=/etc/berth-jupyter.env',
          'ExecStart=/usr/local/bin/berth-jupyter',
          'Restart=on-failure',
          '',
          '[Install]',
          'WantedBy=multi-user.target',
          '',
        ].join('\n'),
      },
    ],
  }),
  settle,
  isOwn: false,
  steps: [
    {
      title: ({ version }) => `installing JupyterLab ${version}`,
      expectedMs: () => 3 * MINUTE_MS,
      script: String.raw`
apt_get update
apt_get install python3-venv
python3 -m venv /opt/jupyter
/opt/jupyter/bin/pip install --quiet --disable-pip-version-check --timeout 60 "jupyterlab==$P_VERSION"
`,
    },
    {
      title: () => 'starting JupyterLab',
      expectedMs: () => MINUTE_MS,
      script: String.raw`
home=$(getent passwd "$BERTH_USER" | cut -d : -f 6)
[ -d "$home" ] || fail "there is no user $BERTH_USER"
address=127.0.0.1
[ "$P_LISTEN" = loopback ] || address=0.0.0.0
umask 077
token=$home/.jupyter-token
: >/etc/berth-jupyter.env
{
    printf "JUPYTER_ADDRESS='%s'\nJUPYTER_PORT='%s'\n" "$address" "$P_PORT"
    printf "JUPYTER_CONFIG_PATH=/etc/berth-jupyter\n"
    if [ -z "$P_PASSWORD_HASH" ]; then
        [ -s "$token" ] || python3 -c 'import secrets; print(secrets.token_hex(24))' >"$token"
        chown "$BERTH_USER:" "$token"
        printf "JUPYTER_TOKEN='%s'\n" "$(cat "$token")"
    fi
} >>/etc/berth-jupyter.env
# Jupyter looks here before it looks in the user's folder. As an argument the hash would be in the list of
# processes.
mkdir -p /etc/berth-jupyter
rm -f /etc/berth-jupyter/jupyter_server_config.json
if [ -n "$P_PASSWORD_HASH" ]; then
    printf '{"PasswordIdentityProvider": {"hashed_password": "%s"}}\n' "$P_PASSWORD_HASH" \
        >/etc/berth-jupyter/jupyter_server_config.json
fi
chown -R "$BERTH_USER:" /etc/berth-jupyter
mkdir -p /etc/systemd/system/berth-jupyter.service.d
printf '[Service]\nUser=%s\nWorkingDirectory=%s\n' "$BERTH_USER" "$home" \
    >/etc/systemd/system/berth-jupyter.service.d/user.conf
cat >/usr/local/bin/berth-jupyter <<'END'
#!/bin/sh
# The token comes in as JUPYTER_TOKEN, where Jupyter itself looks for it, and is in no list of processes.
exec /opt/jupyter/bin/jupyter lab --no-browser --ServerApp.ip="$JUPYTER_ADDRESS" \
    --ServerApp.port="$JUPYTER_PORT" --ServerApp.port_retries=0
END
chmod 755 /usr/local/bin/berth-jupyter
systemctl daemon-reload
systemctl enable --now berth-jupyter
for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
    if python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)' "$P_PORT" 2>/dev/null
    then break
    fi
    [ "$try" != 12 ] || { journalctl -u berth-jupyter -n 3 -o cat; fail "nothing answers at port $P_PORT"; }
    sleep 5
done
if [ -n "$P_PASSWORD_HASH" ]; then
    note jupyter "port $P_PORT on $P_LISTEN, behind the password"
else
    note jupyter "ssh -L $P_PORT:127.0.0.1:$P_PORT, then http://127.0.0.1:$P_PORT/ with the token in ~/.jupyter-token"
fi
`,
    },
  ],
};

function settle(values: Values): Result<Values, ProfileFault> {
  if (values['listen'] === 'loopback' || values['password_hash'] !== '') return ok(values);
  return err({
    message: 'JupyterLab on all addresses needs a password.',
    fix: 'Give password_hash, made with `jupyter server password`, or leave listen=loopback and use ssh -L.',
  });
}
