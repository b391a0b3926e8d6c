import { stepsOf } from '../pointer.ts';
import { localPointer } from '../references.ts';
import { objectOf, type JsonObject } from './read-document.ts';

/** An operation as its stub needs it. */
export interface StubOperation {
  readonly method: string;
  /** Path of the route. */
  readonly path: string;
  readonly summary: string;
  /** Null where the body is not checked. */
  readonly body: JsonObject | boolean | null;
}

const DEPTH_MAX = 5;
const LITERALS_MAX = 20;
const SUMMARY_CHARACTERS_MAX = 120;

/** The entry module of a function that answers each of its operations with 501, with the types of their bodies. */
export function handlerStub(functionName: string, operations: readonly StubOperation[]): string {
  const types = operations.flatMap(({ method, path, body }) => {
    if (body === null) return [];
    const name = `${pascalCase(method)}Body`;
    return [
      `/** Body of \`${method} ${path}\`. It has been checked before it gets here. */\nexport type ${name} = ${typeOf(body, { root: body, seen: [''], depth: 0 })};\n`,
    ];
  });
  const handlers = operations.map(({ method, path, summary }) => {
    const told = commentText(summary);
    const about = told === '' ? '' : `: ${told}`;
    return `/** \`${method} ${path}\`${about} */
async function ${functionOf(method)}(_request: Request, _env: Env): Promise<Response> {
  return Response.json({ error: ${JSON.stringify(`${method} ${path} is not written yet.`)} }, { status: 501 });
}
`;
  });
  const entries = operations.map(({ method }) => `  ${method}: ${functionOf(method)},`);
  const isHeadToo =
    operations.some(({ method }) => method === 'GET') && operations.every(({ method }) => method !== 'HEAD');
  if (isHeadToo) entries.push(`  HEAD: ${functionOf('GET')},`);
  return [
    `type Env = Cordon.${pascalCase(functionName)}Env;\n`,
    ...types,
    ...handlers,
    `const operations: Readonly<Record<string, (request: Request, env: Env) => Promise<Response>>> = {\n${entries.join('\n')}\n};\n`,
    `export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const operation = operations[request.method];
    return operation === undefined ? new Response(null, { status: 405 }) : operation(request, env);
  },
};
`,
  ].join('\n');
}

/** `delete` and the like are words of the language. */
function functionOf(method: string): string {
  return `handle${pascalCase(method)}`;
}

/** One line that cannot end a comment. */
function commentText(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replaceAll('*/', '* /')
    .trim()
    .slice(0, SUMMARY_CHARACTERS_MAX);
}

function pascalCase(text: string): string {
  return text
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase())
    .join('');
}

/** Where a type is told: the schema of the file, and the references that have led here. */
interface TypeScope {
  readonly root: JsonObject | boolean;
  readonly seen: readonly string[];
  readonly depth: number;
}

/** A type that values of a schema have; `unknown` where that would take too much to say. */
function typeOf(schema: unknown, { root, seen, depth }: TypeScope): string {
  if (depth > DEPTH_MAX) return 'unknown';
  const own = objectOf(schema);
  const pointer = localPointer(own['$ref']);
  if (pointer !== null) {
    if (seen.includes(pointer)) return 'unknown';
    return typeOf(valueAt(root, pointer), { root, seen: [...seen, pointer], depth: depth + 1 });
  }
  const inner: TypeScope = { root, seen, depth: depth + 1 };
  if ('const' in own) return literals([own['const']]);
  if (Array.isArray(own['enum'])) return literals(own['enum']);
  const branches = own['oneOf'] ?? own['anyOf'];
  if (own['type'] === undefined && Array.isArray(branches)) {
    return union(branches.map((branch) => typeOf(branch, inner)));
  }
  return union([own['type'] ?? []].flat().map((type) => namedType(type, own, inner)));
}

function namedType(type: unknown, schema: JsonObject, inner: TypeScope): string {
  switch (type) {
    case 'string':
    case 'boolean':
    case 'null':
      return type;
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return `readonly (${typeOf(schema['items'], inner)})[]`;
    case 'object':
      return objectType(schema, inner);
    default:
      return 'unknown';
  }
}

function objectType(schema: JsonObject, inner: TypeScope): string {
  const properties = Object.entries(objectOf(schema['properties']));
  if (properties.length === 0) return 'Readonly<Record<string, unknown>>';
  const { required } = schema;
  const members = properties.map(([name, value]) => {
    const mark = Array.isArray(required) && required.includes(name) ? '' : '?';
    const key = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : JSON.stringify(name);
    return `readonly ${key}${mark}: ${typeOf(value, inner)};`.replaceAll(/^/gm, '  ');
  });
  return `{\n${members.join('\n')}\n}`;
}

function literals(values: readonly unknown[]): string {
  const plain = values.every(
    (value) => value === null || ['string', 'number', 'boolean'].includes(typeof value),
  );
  return plain && values.length > 0 && values.length <= LITERALS_MAX
    ? union(values.map((value) => JSON.stringify(value)))
    : 'unknown';
}

function union(types: readonly string[]): string {
  const distinct = [...new Set(types)];
  return distinct.length === 0 || distinct.includes('unknown') ? 'unknown' : distinct.join(' | ');
}

function valueAt(root: JsonObject | boolean, pointer: string): unknown {
  return (stepsOf(pointer) ?? []).reduce<unknown>((value, step) => objectOf(value)[step], root);
}
