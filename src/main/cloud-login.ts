/** How the command line logs its user in at a cloud: it resolves what is meant, and says what went wrong. */
import type { Clock } from '../base/clock.ts';
import { CliFailure, EXIT, UsageError } from '../cli/failure.ts';
import type { CloudLogins } from '../cli/io.ts';
import { openCloud } from '../openstack/clouds/open-cloud.ts';
import { readCloudFiles } from '../openstack/clouds/read-files.ts';
import { mapAt, mergeDeep } from '../openstack/clouds/settings.ts';
import type { Credentials } from '../openstack/credentials.ts';
import { logIn, type LoginFailure } from '../openstack/login.ts';

/** Longest single exchange with Keystone: it answers a login in a second, or something is wrong. */
const CALL_TIMEOUT_MS = 15_000;

export interface CloudLoginOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the search for clouds.yaml begins. */
  readonly folder: string;
  readonly clock: Clock;
}

export function createCloudLogins(options: CloudLoginOptions): CloudLogins {
  const { env, folder, clock } = options;
  return {
    async logIn(cloud) {
      const opened = openCloud(cloud, withTokenType(env), folder);
      if (!opened.ok)
        throw new UsageError(opened.error, 'Correct it, or choose another cloud with OS_CLOUD.');
      const { authUrl, credentials, fetch } = opened.value;
      const callTimeoutMs = opened.value.callTimeoutMs ?? CALL_TIMEOUT_MS;
      const issued = await logIn({ authUrl, credentials, fetch, clock, callTimeoutMs });
      if (issued.ok) return { token: issued.value, cloud: authUrl };
      const name = cloud === null ? 'the cloud of OS_AUTH_URL' : `cloud ${cloud}`;
      throw loginFailure(issued.error, { name, authUrl, credentials });
    },
    async known() {
      const files = readCloudFiles(env, folder);
      if (!files.ok) return [];
      const { clouds, secure } = files.value;
      return Object.keys(mapAt(mergeDeep(clouds?.content ?? {}, secure?.content ?? {}), 'clouds'));
    },
  };
}

/**
 * A token in the environment is meant as a token, also where nothing says so. Source: osc-lib 3.2.0,
 * osc_lib/cli/client_config.py, _auth_select_default_plugin.
 */
function withTokenType(env: CloudLoginOptions['env']): CloudLoginOptions['env'] {
  const says = (name: string): boolean => (env[name] ?? '') !== '';
  const isToken = says('OS_TOKEN') && !says('OS_AUTH_TYPE') && !says('OS_USERNAME') && !says('OS_USER_ID');
  return isToken ? { ...env, OS_AUTH_TYPE: 'token' } : env;
}

interface Login {
  /** For people: `cloud demo`. */
  readonly name: string;
  readonly authUrl: string;
  readonly credentials: Credentials;
}

/** Each with its own text and fix; none repeats a secret. */
function loginFailure(failure: LoginFailure, { name, authUrl, credentials }: Login): CliFailure {
  switch (failure.kind) {
    case 'bad_credentials':
      return new CliFailure(
        `${name}: ${badCredentials(credentials)}`,
        FIXES[credentials.kind],
        EXIT.unauthorized,
      );
    case 'bad_project': {
      const { projects } = failure;
      const fix =
        projects.length === 0
          ? 'Ask an administrator of the cloud for a role on a project.'
          : `Choose one of yours: ${projects.join(', ')} (project_name in clouds.yaml, or OS_PROJECT_NAME).`;
      const what = `the user and password are right, but they are not good for ${projectOf(credentials)}`;
      return new CliFailure(`${name}: ${what}`, fix, EXIT.unauthorized);
    }
    case 'untrusted_certificate': {
      const fix = 'Name the authority that signed it: cacert in clouds.yaml, or OS_CACERT.';
      return new CliFailure(
        `${name}: the certificate of ${authUrl} is not trusted (${failure.why})`,
        fix,
        EXIT.unreachable,
      );
    }
    case 'unreachable':
      return new CliFailure(
        `${name}: Keystone at ${authUrl} cannot be reached: ${failure.why}`,
        'Check auth_url and the network; `openstack token issue` must work from here too.',
        EXIT.unreachable,
      );
    case 'refused':
      return new CliFailure(
        `${name}: no token from ${authUrl}: ${failure.why}`,
        'Check that auth_url is that of Keystone, such as https://cloud.example.org:5000/v3.',
        EXIT.failed,
      );
  }
}

function badCredentials(credentials: Credentials): string {
  switch (credentials.kind) {
    case 'password':
      return `Keystone does not accept the user ${userOf(credentials.user)} with this password`;
    case 'applicationCredential':
      return 'Keystone does not accept the application credential: it is unknown, has expired, or its secret is wrong';
    case 'token':
      return 'Keystone does not accept the token: it has expired or was revoked, or is not good for the project';
  }
}

const FIXES: Readonly<Record<Credentials['kind'], string>> = {
  password: 'Correct username, user domain and password in clouds.yaml (or OS_USERNAME, OS_PASSWORD …).',
  applicationCredential: 'Make a new one with `openstack application credential create`, and put it in.',
  token: 'Get a new one with `openstack token issue`, or leave OS_TOKEN out and use a password.',
};

function userOf(user: Extract<Credentials, { readonly kind: 'password' }>['user']): string {
  return 'id' in user ? user.id : user.name;
}

function projectOf(credentials: Credentials): string {
  if (!('scope' in credentials) || credentials.scope.kind !== 'project') return 'the project';
  const { project } = credentials.scope;
  return `the project ${'id' in project ? project.id : project.name}`;
}
