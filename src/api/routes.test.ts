import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { apiPage } from '../../scripts/docs/api-page.ts';
import { errorsPage } from '../../scripts/docs/errors-page.ts';
import { errorCatalogue } from './errors.ts';
import { openApiDocument } from './openapi.ts';
import type { Route } from './route.ts';
import { routes } from './routes.ts';

const root = path.join(import.meta.dirname, '..', '..');
const table = Object.entries<Route>(routes);
const document = openApiDocument('1.2.3');

function page(name: string): string {
  return fs.readFileSync(path.join(root, 'docs', 'reference', name), 'utf8');
}

test('the table is consistent', () => {
  expect(table.length).toBeGreaterThan(30);
  expect(new Set(table.map(([, route]) => `${route.method} ${route.path}`)).size).toBe(table.length);
  for (const [id, route] of table) {
    const named = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(named.length > 0, id).toBe(route.params !== null);
    expect(route.method === 'GET' && route.body !== null, id).toBe(false);
    expect(route.method === 'GET' && route.idempotent, id).toBe(false);
    // Machines have no token, only the secret in their path.
    expect(route.path.startsWith('/v1/'), id).toBe(route.role !== 'public' || id === 'phoneHome');
  }
});

test('the description has every operation, and every reference in it leads somewhere', () => {
  const text = JSON.stringify(document);
  for (const [id] of table) expect(text).toContain(`"operationId":"${id}"`);
  const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference ?? '');
  expect(references.length).toBeGreaterThan(table.length);
  for (const reference of references) {
    const found = reference
      .split('/')
      .slice(1)
      .reduce<unknown>((at, key) => Object(at)[key], document);
    expect(found, reference).toBeDefined();
  }
  expect(text).not.toContain('$defs');
});

test('integers of queries are described as integers', () => {
  const text = JSON.stringify(document);
  expect(text).toMatch(/"name":"limit","in":"query","required":false,"schema":\{[^}]*"type":"integer"/);
});

test('the reference pages are what the sources say', () => {
  expect(page('errors.md')).toBe(errorsPage());
  expect(page('api.md')).toBe(apiPage());
});

test('every code of the catalogue is used by the sources, and documented once', () => {
  const sources = fs
    .globSync('src/{api,server,domain,engine}/**/*.ts', { cwd: root })
    .filter(
      (file) => !file.endsWith('.test.ts') && !/src\/api\/(errors|routes|lease-routes|route)\.ts$/.test(file),
    )
    .map((file) => fs.readFileSync(path.join(root, file), 'utf8'));
  expect(sources.length).toBeGreaterThan(40);
  const text = sources.join('\n').replace(/export type RefusalCode =[^;]+;/, '');
  const unused = Object.keys(errorCatalogue).filter((code) => !text.includes(`'${code}'`));
  expect(unused).toEqual([]);
  const headings = [...errorsPage().matchAll(/^## (\w+)$/gm)].map(([, code]) => code);
  expect(new Set(headings)).toEqual(new Set(Object.keys(errorCatalogue)));
  expect(headings.length).toBe(Object.keys(errorCatalogue).length);
});
