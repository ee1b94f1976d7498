/** Where to listen, as the configuration writes it. */
import { isAbsolute } from 'node:path';
import { checkListener } from '../server/listener.ts';
import { parseProxies } from '../server/address.ts';
import type { BerthServer } from '../server/server.ts';
import type { Config } from './config.ts';
import { ServeFailure } from './options.ts';

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/**
 * The addresses of `listen`, each of which is safe to open. Throws ServeFailure for one that is not, or that
 * is no address.
 */
export function listenAddresses(config: Config, isOpen: boolean): readonly ListenAddress[] {
  const texts = typeof config.listen === 'string' ? [config.listen] : config.listen;
  const proxies = parseProxies(config.trusted_proxies);
  if (!proxies.ok) throw new ServeFailure(`trusted_proxies: ${proxies.error}`);
  const addresses = texts.map(parseListen);
  for (const address of addresses) {
    if (address.kind === 'unix') continue;
    const checked = checkListener({
      host: address.host,
      open: isOpen,
      tls: config.tls !== null,
      trustedProxy: config.trusted_proxies.length > 0,
      insecureHttp: config.insecure_http,
    });
    if (!checked.ok) throw new ServeFailure(checked.error);
  }
  return addresses;
}

/** Opens all; gives their addresses as people write them, in order. */
export async function listenOn(
  server: BerthServer,
  addresses: readonly ListenAddress[],
  socketMode: number,
): Promise<readonly string[]> {
  const urls: string[] = [];
  for (const address of addresses) {
    const url =
      address.kind === 'tcp'
        ? server.listen(address.host, address.port)
        : server.listenUnix(address.path, socketMode);
    urls.push(await url);
  }
  return urls;
}

function parseListen(text: string): ListenAddress {
  const path = /^unix:(.+)$/.exec(text)?.[1];
  if (path !== undefined) {
    if (isAbsolute(path)) return { kind: 'unix', path };
    throw new ServeFailure(
      `listen '${text}': a socket file needs its whole path, like unix:/run/berth/berth.sock`,
    );
  }
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? -1);
  if (match === null || port < 0 || port > 65_535) {
    throw new ServeFailure(
      `listen '${text}' is not HOST:PORT or unix:PATH; write it like 127.0.0.1:8080, [::1]:8080 or unix:/run/berth.sock`,
    );
  }
  return { kind: 'tcp', host: match[1] ?? match[2] ?? '127.0.0.1', port };
}
