/** A user, project or domain by id, or by name (then with the domain that the name is unique in). */
export type DomainRef = { readonly id: string } | { readonly name: string };
type UserRef = { readonly id: string } | { readonly name: string; readonly domain: DomainRef };
type ProjectRef = { readonly id: string } | { readonly name: string; readonly domain: DomainRef };

export type Scope =
  | { readonly kind: 'project'; readonly project: ProjectRef }
  | { readonly kind: 'domain'; readonly domain: DomainRef }
  | { readonly kind: 'system' }
  | { readonly kind: 'trust'; readonly trustId: string }
  /** The user's default project, if there is one. */
  | { readonly kind: 'default' }
  /** For no project, although the user may have a default one. */
  | { readonly kind: 'unscoped' };

/** How to log in to Keystone. An application credential has its scope built in. */
export type Credentials =
  | { readonly kind: 'password'; readonly user: UserRef; readonly password: string; readonly scope: Scope }
  | {
      readonly kind: 'applicationCredential';
      readonly credential: { readonly id: string } | { readonly name: string; readonly user: UserRef };
      readonly secret: string;
    }
  | { readonly kind: 'token'; readonly token: string; readonly scope: Scope };

/**
 * The body of `POST /v3/auth/tokens`. Source: keystoneauth1 5.0.0,
 * keystoneauth1/identity/v3/{base,password,token, application_credential}.py.
 */
export function authBody(credentials: Credentials): { readonly auth: object } {
  switch (credentials.kind) {
    case 'password': {
      const { user, password } = credentials;
      return withScope('password', { user: { ...user, password } }, credentials.scope);
    }
    case 'token':
      return withScope('token', { id: credentials.token }, credentials.scope);
    case 'applicationCredential': {
      const method = 'application_credential';
      const { credential, secret } = credentials;
      return { auth: { identity: { methods: [method], [method]: { ...credential, secret } } } };
    }
  }
}

function withScope(method: string, proof: object, scope: Scope): { readonly auth: object } {
  const identity = { methods: [method], [method]: proof };
  switch (scope.kind) {
    case 'project':
      return { auth: { identity, scope: { project: scope.project } } };
    case 'domain':
      return { auth: { identity, scope: { domain: scope.domain } } };
    case 'system':
      return { auth: { identity, scope: { system: { all: true } } } };
    case 'trust':
      return { auth: { identity, scope: { 'OS-TRUST:trust': { id: scope.trustId } } } };
    case 'default':
      return { auth: { identity } };
    case 'unscoped':
      return { auth: { identity, scope: 'unscoped' } };
  }
}
