import { z } from 'zod';
import { errorCatalogue, problemJson, type ErrorCode } from './errors.ts';
import { commonErrors, TAGS, type Route } from './route.ts';
import { routes } from './routes.ts';

type JsonObject = { readonly [key: string]: unknown };

/** Where zod puts named schemas, and where OpenAPI wants them. */
const DEFINITIONS = '#/$defs/';
const COMPONENTS = '#/components/schemas/';

/**
 * The OpenAPI 3.1 description of all routes (its schemas are JSON Schema 2020-12, as zod makes them). Pure:
 * the same table gives the same document.
 */
export function openApiDocument(version: string): JsonObject {
  const schemas = new Map<string, unknown>();
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const [operationId, route] of Object.entries<Route>(routes)) {
    paths[route.path] = {
      ...paths[route.path],
      [route.method.toLowerCase()]: operation(operationId, route, schemas),
    };
  }
  schemaOf(problemJson, 'output', schemas);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Berth',
      version,
      description: 'GPU as a Service: see which GPUs are free, borrow one, give it back.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: Object.fromEntries([...schemas].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A Berth API token.' },
        authToken: { type: 'apiKey', in: 'header', name: 'X-Auth-Token', description: 'The same token.' },
      },
    },
  };
}

function operation(operationId: string, route: Route, schemas: Map<string, unknown>): JsonObject {
  return {
    operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description && { description: route.description }),
    ...(route.role !== 'public' && {
      security: [{ bearer: [] }, { authToken: [] }],
      'x-berth-role': route.role,
    }),
    parameters: parameters(route, schemas),
    ...(route.body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: schemaOf(route.body, 'input', schemas) } },
      },
    }),
    responses: { [route.status]: success(route, schemas), ...failures(route) },
  };
}

function parameters(route: Route, schemas: Map<string, unknown>): readonly JsonObject[] {
  const list: JsonObject[] = [
    ...fieldsOf(route.params, schemas).map(([name, schema]) => ({
      name,
      in: 'path',
      required: true,
      schema,
    })),
    ...fieldsOf(route.query, schemas).map(([name, schema]) => ({
      name,
      in: 'query',
      required: false,
      schema,
    })),
  ];
  if (route.role === 'public') return list;
  const description = 'Wait up to 5 seconds until this revision can be read.';
  list.push({
    name: 'Berth-Min-Revision',
    in: 'header',
    description,
    schema: { type: 'integer', minimum: 0 },
  });
  if (route.idempotent && route.method !== 'GET') {
    list.push({
      name: 'Idempotency-Key',
      in: 'header',
      description: 'Repetitions with the same key within 24 hours are answered, not done again.',
      schema: { type: 'string', minLength: 1, maxLength: 255 },
    });
  }
  return list;
}

function fieldsOf(
  schema: Route['query'],
  schemas: Map<string, unknown>,
): readonly (readonly [string, unknown])[] {
  if (schema === null) return [];
  const json = schemaOf(schema, 'input', schemas);
  return Object.entries(isObject(json['properties']) ? json['properties'] : {});
}

function success(route: Route, schemas: Map<string, unknown>): JsonObject {
  const type = route.contentType ?? 'application/json';
  const schema = route.response === null ? {} : { schema: schemaOf(route.response, 'output', schemas) };
  return {
    description: 'Success.',
    headers: {
      'X-Openstack-Request-Id': { schema: { type: 'string' } },
      'Berth-Version': { schema: { type: 'string' } },
    },
    content: { [type]: schema },
  };
}

/** One entry per status; its description names the codes that it can carry. */
function failures(route: Route): JsonObject {
  const byStatus = Map.groupBy(
    new Set([...route.errors, ...commonErrors(route)]),
    (code) => errorCatalogue[code].status,
  );
  return Object.fromEntries([...byStatus].map(([status, codes]) => [String(status), failure(codes)]));
}

function failure(codes: readonly ErrorCode[]): JsonObject {
  return {
    description: codes.map((code) => `\`${code}\`: ${errorCatalogue[code].title}.`).join(' '),
    content: { 'application/problem+json': { schema: { $ref: `${COMPONENTS}Problem` } } },
  };
}

/** The JSON Schema of one side of a schema; named parts go to `schemas` and are referred to. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', schemas: Map<string, unknown>): JsonObject {
  const json = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    // Numbers of a query arrive as text, which is no concern of who reads the description.
    override: ({ jsonSchema }) => {
      if (jsonSchema.type === 'integer') delete jsonSchema.anyOf;
    },
  });
  const { $schema: _, $defs: definitions, ...root } = json;
  for (const [name, part] of Object.entries(definitions ?? {})) schemas.set(name, withComponents(part));
  const rewritten = withComponents(root);
  return isObject(rewritten) ? rewritten : {};
}

function withComponents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withComponents);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'id' || typeof value['id'] !== 'string')
      .map(([key, inner]) =>
        key === '$ref' && typeof inner === 'string'
          ? [key, inner.replace(DEFINITIONS, COMPONENTS)]
          : [key, withComponents(inner)],
      ),
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
