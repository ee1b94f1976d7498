import { formatDuration, formatTime, WEEK_MS } from '../../base/units.ts';
import { nearest } from '../../base/nearest.ts';
import type { CallFailure, Facts } from '../facts.ts';
import { finding, quoted, setting, some, type Finding } from '../finding.ts';

/** Two weeks are enough to notice it in any rhythm of work. */
const CREDENTIAL_WARNING_MS = 2 * WEEK_MS;

const TLS_CODE = /CERT|SELF_SIGNED|VERIFY|ISSUER|SSL|TLS/;

/** Whether and as whom the server gets in. */
export function checkLogin(facts: Facts): readonly Finding[] {
  const { login, loginFailure, token } = facts;
  const [first] = facts.failures;
  if (token === null && loginFailure === null) return first === undefined ? [] : [noKeystone(facts, first)];
  if (loginFailure !== null) return [refusedLogin(facts, loginFailure)];
  if (token?.projectId === null) {
    const message = `User '${token.userName}' gets in, but the token is for no project.`;
    const fix = `In clouds.yaml, under clouds.${facts.cloud.name}.auth: project_name: PROJECT and project_domain_name: Default`;
    return [finding('project_scope_missing', `cloud '${facts.cloud.name}'`, message, fix)];
  }
  const found: Finding[] = [];
  const { ownership, name } = facts.cloud;
  if (login.kind === 'applicationCredential' && ownership !== 'service') {
    const message = `ownership is '${ownership}', but an application credential works in project '${token?.projectName ?? ''}' only.`;
    found.push(
      finding('ownership_needs_password', `cloud '${name}'`, message, setting(name, 'ownership', 'service')),
    );
  }
  const endsAtMs = facts.credentialEndsAtMs;
  if (endsAtMs !== null && endsAtMs - facts.nowMs < CREDENTIAL_WARNING_MS) {
    const left = formatDuration(Math.max(0, endsAtMs - facts.nowMs));
    const message = `It ends at ${formatTime(endsAtMs)}, in ${left}.`;
    const fix = `openstack application credential create ${quoted(`berth-${formatTime(facts.nowMs).slice(0, 10)}`)}, then its id and secret under clouds.${name}.auth of clouds.yaml`;
    const subject = `application credential '${login.user ?? ''}'`;
    found.push(finding('application_credential_ends', subject, message, fix));
  }
  return found;
}

export function isTlsFailure(failure: CallFailure): boolean {
  return failure.systemCode !== null && TLS_CODE.test(failure.systemCode);
}

function noKeystone(facts: Facts, failure: CallFailure): Finding {
  const { authUrl } = facts.login;
  const { name } = facts.cloud;
  if (isTlsFailure(failure)) {
    const message = `The certificate of ${authUrl} is not trusted here (${failure.systemCode ?? ''}).`;
    const fix = `In clouds.yaml, under clouds.${name}: cacert: FILE with the authority that signed it`;
    return finding('tls_untrusted', `auth_url of '${name}'`, message, fix);
  }
  if (failure.code === 'unsupported') {
    const origin = URL.parse(authUrl)?.origin ?? authUrl;
    const fix = `In clouds.yaml: auth_url: ${authUrl.includes('/identity') ? `${origin}/v3` : `${origin}/identity/v3`} (or as 'openstack catalog show identity' prints it)`;
    return finding('auth_url_wrong', `auth_url of '${name}'`, sentence(failure.message), fix);
  }
  const message = `${authUrl} does not answer: ${failure.message}.`;
  const fix = `curl -v ${quoted(authUrl)}; correct auth_url of '${name}' in clouds.yaml`;
  return finding('keystone_unreachable', `auth_url of '${name}'`, message, fix);
}

function refusedLogin(facts: Facts, failure: CallFailure): Finding {
  const { login, cloud } = facts;
  const user = login.user ?? '';
  if (failure.code !== 'unauthorized' && failure.code !== 'not_found' && failure.code !== 'forbidden') {
    const fix = `The log of Keystone at the time of this call; curl -v ${quoted(login.authUrl)}`;
    return finding('service_failing', "service 'identity'", sentence(failure.message), fix);
  }
  if (login.kind === 'applicationCredential') {
    const message = `Keystone refuses it: the id or secret is wrong, it has expired, or it was deleted.`;
    const fix = `openstack application credential create berth, then its id and secret under clouds.${cloud.name}.auth of clouds.yaml`;
    return finding('application_credential_refused', `application credential '${user}'`, message, fix);
  }
  if (/expired/i.test(failure.message) && /password/i.test(failure.message)) {
    const message = `The password of '${user}' has expired.`;
    const fix = `openstack --os-username ${quoted(user)} user password set, then the new one in clouds.yaml`;
    return finding('password_expired', `user '${user}'`, message, fix);
  }
  if (facts.projectsOfUser !== null) return refusedProject(facts, facts.projectsOfUser);
  const message = `Keystone refuses '${user}' at ${login.authUrl}: the user or password is wrong, or the user is disabled or locked.`;
  const fix = `openstack user show ${quoted(user)} -c enabled; openstack user set --password-prompt ${quoted(user)}; then the same password under clouds.${cloud.name}.auth of clouds.yaml`;
  return finding('credentials_refused', `user '${user}'`, message, fix);
}

/** The password is right, so it is the project. */
function refusedProject(facts: Facts, projects: readonly { readonly name: string }[]): Finding {
  const { login, cloud } = facts;
  const [user, project] = [login.user ?? '', login.project ?? ''];
  const names = projects.map(({ name }) => name);
  const near = nearest(project, names);
  const has = names.length === 0 ? 'has a role on no project' : `has roles on ${some(names)}`;
  const message = `The password of '${user}' is right, but project '${project}' does not let it in; the user ${has}.`;
  const fix =
    near === null
      ? `openstack role add --user ${quoted(user)} --project ${quoted(project)} member`
      : `In clouds.yaml, under clouds.${cloud.name}.auth: project_name: ${near}`;
  return finding('project_refused', `project '${project}'`, message, fix);
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
