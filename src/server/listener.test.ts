import { expect, test } from 'vitest';
import { checkListener } from './listener.ts';

const bare = { open: false, tls: false, trustedProxy: false, insecureHttp: false };

test.each(['localhost', '127.0.0.1', '127.1.2.3', '::1', '[::1]'])(
  '%s is loopback: anything goes',
  (host) => {
    expect(checkListener({ ...bare, host, open: true }).ok).toBe(true);
  },
);

test.each(['0.0.0.0', '::', '10.0.0.1', 'localhost.example.org', '127.0.0.1.example.org', ''])(
  'beyond loopback (%s) it needs TLS, a proxy, or insistence, and is never open',
  (host) => {
    expect(checkListener({ ...bare, host }).ok).toBe(false);
    expect(checkListener({ ...bare, host, tls: true }).ok).toBe(true);
    expect(checkListener({ ...bare, host, trustedProxy: true }).ok).toBe(true);
    expect(checkListener({ ...bare, host, insecureHttp: true }).ok).toBe(true);
    expect(checkListener({ ...bare, host, open: true, tls: true, insecureHttp: true }).ok).toBe(false);
  },
);
