/** Logs a user of the simulated cloud in, whose password is the name; gives the token. */
export async function keystoneLogin(
  simFetch: typeof fetch,
  name: string,
  scope: string | object | null = name,
): Promise<string> {
  const domain = { id: 'default' };
  const project = typeof scope === 'string' ? { project: { name: scope, domain } } : scope;
  const identity = { methods: ['password'], password: { user: { name, domain, password: name } } };
  const reply = await simFetch('http://sim.invalid/identity/v3/auth/tokens', {
    method: 'POST',
    body: JSON.stringify({ auth: { identity, scope: project ?? 'unscoped' } }),
  });
  if (reply.status !== 201) throw new Error(`login as ${name}: ${reply.status} ${await reply.text()}`);
  return reply.headers.get('x-subject-token') ?? '';
}
