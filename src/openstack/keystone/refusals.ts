import { ProviderError } from '../../engine/ports.ts';
import type { Credentials, DomainRef, Scope } from '../credentials.ts';
import { failureOf } from '../failure.ts';
import type { HttpReply, HttpRequest } from '../http.ts';

/**
 * Why Keystone issued no token, with what to correct; secrets stand in none of the texts. Keystone gives one
 * and the same 401 to a wrong password and to a project that the user has no role on, so that both are named.
 * Source: keystone 22 (Zed), keystone/api/_shared/authentication.py and keystone/auth/core.py.
 */
export function refusalOf(request: HttpRequest, reply: HttpReply, credentials: Credentials): ProviderError {
  const failure = failureOf(request, reply);
  const remedy = remedyOf(request, reply, credentials);
  if (remedy === null) return failure;
  const { code, effect, message, retryAfterMs } = failure;
  return new ProviderError(code, effect, `${message} (${remedy})`, { retryAfterMs });
}

function remedyOf(request: HttpRequest, reply: HttpReply, credentials: Credentials): string | null {
  const { status } = reply;
  const place = request.url.replace(/\/auth\/tokens$/, '');
  if (status > 300 && status < 400) {
    const target = (reply.headers.get('location') ?? '').replace(/\/auth\/tokens$/, '');
    return `${place} leads elsewhere: set auth_url to ${target === '' ? 'where Keystone is' : target}`;
  }
  if (status < 500 && status !== 429 && !isKeystones(reply))
    return `no Keystone v3 answers at ${place}: correct auth_url`;
  // Of a token that has ended, Keystone says that it does not find it.
  if (status === 401 || (status === 404 && credentials.kind === 'token')) return refused(credentials);
  if (status === 403 || status === 404) return `Keystone gives no token for ${scopeText(credentials)}`;
  return null;
}

/** All that Keystone refuses, it refuses as `{"error": {"code", "title", "message"}}`. */
function isKeystones({ text }: HttpReply): boolean {
  return /^\s*\{\s*"error"\s*:/.test(text);
}

function refused(credentials: Credentials): string {
  switch (credentials.kind) {
    case 'password': {
      const { user } = credentials;
      const who = 'id' in user ? `with the id '${user.id}'` : `'${user.name}' of ${domainText(user.domain)}`;
      return `correct the name or password of the user ${who}, or give it a role on ${scopeText(credentials)}`;
    }
    case 'applicationCredential':
      return 'the application credential is unknown, has expired, or its secret is wrong';
    case 'token':
      return `the token has expired, or is not good for ${scopeText(credentials)}`;
  }
}

function scopeText(credentials: Credentials): string {
  return credentials.kind === 'applicationCredential' ? 'its project' : textOf(credentials.scope);
}

function textOf(scope: Scope): string {
  switch (scope.kind) {
    case 'project': {
      const { project } = scope;
      if ('id' in project) return `the project with the id '${project.id}'`;
      return `the project '${project.name}' of ${domainText(project.domain)}`;
    }
    case 'domain':
      return domainText(scope.domain);
    case 'system':
      return 'the system';
    case 'trust':
      return `the trust '${scope.trustId}'`;
    case 'default':
      return 'its default project';
    case 'unscoped':
      return 'no project';
  }
}

function domainText(domain: DomainRef): string {
  return 'id' in domain ? `the domain with the id '${domain.id}'` : `the domain '${domain.name}'`;
}
