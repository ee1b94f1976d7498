import { err, ok, type Result } from '../base/result.ts';

export interface ListenerOptions {
  /** Host name or address that is bound. */
  readonly host: string;
  /** Whether everybody without a token is let in (demo). */
  readonly open: boolean;
  readonly tls: boolean;
  /** Whether a proxy that terminates TLS was declared. */
  readonly trustedProxy: boolean;
  /** `--insecure-http`: the operator takes the risk. */
  readonly insecureHttp: boolean;
}

/**
 * Whether a listener is safe to open: loopback always; beyond it never open, and tokens only over TLS, behind
 * a declared proxy, or where the operator insists. The refusal says what is wrong and what to do.
 */
export function checkListener(options: ListenerOptions): Result<null, string> {
  if (isLoopback(options.host)) return ok(null);
  if (options.open) {
    return err(
      `the demo lets everybody in and may only listen on this machine, not on ${options.host}: ` +
        'use --listen 127.0.0.1:8080, or run without --demo and create tokens with `berth token create`',
    );
  }
  if (options.tls || options.trustedProxy || options.insecureHttp) return ok(null);
  return err(
    `tokens would cross the network in plain text on ${options.host}: ` +
      'configure a certificate (tls.key, tls.cert), declare the proxy that terminates TLS ' +
      '(trusted_proxies), or take the risk with --insecure-http',
  );
}

/** Whether only this machine can reach the address. A name other than `localhost` may resolve to anything. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name === '::1' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}
