import assert from 'node:assert/strict';
import { parseManifest, withFiles, type Manifest, type RouteSpec } from '../manifest/index.ts';
import { routeValidator, type HeadValues, type RouteValidator } from './route-validator.ts';

/** A manifest with one route, `/orders/:id`, and the schemas that it names. */
export function manifestOf(
  route: Readonly<Record<string, unknown>>,
  schemas: Readonly<Record<string, unknown>> = {},
): Manifest {
  const functions = {
    orders: { entry: 'src/orders.ts', routes: [{ path: '/orders/:id', auth: 'public', ...route }] },
  };
  const files = Object.entries(schemas).map(([path, schema]) => [path, JSON.stringify(schema)]);
  return withFiles(
    parseManifest(JSON.stringify({ name: 'shop', functions })),
    Object.fromEntries(files) as Record<string, string>,
  );
}

export function routeOf(manifest: Manifest): RouteSpec {
  const route = manifest.functions[0]?.routes[0];
  if (route === undefined) throw new Error('The manifest has no route.');
  return route;
}

/** The validator of the route of `manifestOf`. */
export function validatorOf(
  route: Readonly<Record<string, unknown>>,
  schemas: Readonly<Record<string, unknown>> = {},
): RouteValidator {
  const manifest = manifestOf(route, schemas);
  const validator = routeValidator(manifest, routeOf(manifest));
  if (validator === null) throw new Error('The route asks for nothing.');
  return validator;
}

/** Judges a body given as a value or as text. */
export function judgeBody(validator: RouteValidator, body: unknown): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return shown(validator.checkBody(Buffer.from(text)));
}

export function judgeHead(validator: RouteValidator, head: Partial<HeadValues>): string {
  return shown(validator.checkHead({ search: '', params: {}, fields: [], ...head }));
}

function shown(problems: ReturnType<RouteValidator['checkBody']>): string {
  if (problems === null) return '';
  assert.notEqual(problems.length, 0);
  return problems.map(({ in: part, pointer, keyword }) => `${part}${pointer} ${keyword}`).join(', ');
}
