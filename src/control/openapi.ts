import { z } from 'zod';
import { ARCHIVE, type AnyOperation } from './operation.ts';
import { errorBodySchema } from './schema.ts';
import { OPERATIONS } from './table.ts';

/** Version of the API as its paths say it. */
const API_VERSION = '1.0.0';

type Json = Record<string, unknown>;

/** The control API as an OpenAPI 3.1 document, made from the table of operations. Plain JSON. */
export function openApiDocument(): Json {
  const paths: Record<string, Json> = {};
  for (const row of OPERATIONS) {
    const path = (paths[row.path] ??= {});
    path[row.method.toLowerCase()] = operationObject(row);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Cordon control API',
      version: API_VERSION,
      summary: 'Deploys apps, moves their aliases, runs functions, keeps secrets and reads the evidence.',
      description:
        'Listens on loopback only, answers no web page, and takes a token as `Authorization: Bearer`. ' +
        'A failure is JSON with a stable code, what went wrong, what to do next and an id.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:8081' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'cordon token' } },
      schemas: {
        Error: jsonSchema(errorBodySchema, 'output'),
      },
      responses: {
        Error: {
          description: 'The operation was refused or failed.',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      },
    },
  };
}

function operationObject(row: AnyOperation): Json {
  const parameters = [...parametersOf(row.params, 'path'), ...parametersOf(row.query, 'query')];
  const [json] = row.streams ? ['text/event-stream'] : ['application/json'];
  const mediaTypes = row.mediaTypes.length > 0 ? row.mediaTypes : [json ?? ''];
  return {
    operationId: row.id,
    summary: row.summary,
    ...(row.access === 'public' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(row.body === null ? {} : { requestBody: { required: true, content: bodyContent(row.body) } }),
    responses: {
      [String(row.status)]: {
        description: row.streams ? 'Server-sent events; the data of each is one of these.' : 'Done.',
        content: Object.fromEntries(
          mediaTypes.map((type) => [type, { schema: jsonSchema(row.response, 'output') }]),
        ),
      },
      default: { $ref: '#/components/responses/Error' },
    },
  };
}

function bodyContent(body: z.ZodType | typeof ARCHIVE): Json {
  if (body === ARCHIVE) return { [ARCHIVE]: { schema: { type: 'string', format: 'binary' } } };
  return { 'application/json': { schema: jsonSchema(body, 'input') } };
}

function parametersOf(schema: z.ZodType, where: 'path' | 'query'): Json[] {
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
  });
  return rest;
}
