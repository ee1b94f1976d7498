/**
 * What takes the place of `@fastify/static` in the one-file executable: the files of the API's page come out
 * of the program instead of a folder.
 */
import type { FastifyInstance } from 'fastify';
import { extname } from 'node:path';
import { getAssetKeys, getRawAsset } from 'node:sea';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
};

interface StaticOptions {
  /** Where the files are, as the bundler has told the caller: a slash, then the beginning of asset names. */
  readonly root: string;
}

/** Serves the assets below `root`; that it is registered with a prefix is all that it needs to know of it. */
export function staticFiles(app: FastifyInstance, options: StaticOptions, done: () => void): void {
  const keys = new Set(getAssetKeys());
  app.get('/*', (request, reply) => {
    const { '*': name = '' } = request.params as { readonly '*'?: string };
    const key = `${options.root.slice(1)}/${name}`;
    if (!keys.has(key)) return reply.callNotFound();
    const type = TYPES[extname(name)] ?? 'application/octet-stream';
    return reply.type(type).send(Buffer.from(getRawAsset(key)));
  });
  done();
}
