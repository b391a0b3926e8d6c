import assert from 'node:assert/strict';
import { parseManifest, withFiles, type Manifest, type RouteSpec } from '../../manifest/index.ts';
import { appFromOpenApi, type ImportedApp } from './app-from-openapi.ts';

export type Json = Readonly<Record<string, unknown>>;

export function documentOf(paths: Json, components: Json = {}, more: Json = {}): Json {
  return { openapi: '3.1.0', info: { title: 'Shop', version: '1' }, paths, components, ...more };
}

export function imported(document: Json | string, allowsPublic = false): ImportedApp {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  return appFromOpenApi(text, { name: 'shop', allowsPublic });
}

/** The app as it would be deployed. */
export function manifestOf({ manifest, files }: ImportedApp): Manifest {
  return withFiles(parseManifest(JSON.stringify(manifest)), Object.fromEntries(files));
}

export function routesOf(manifest: Manifest): RouteSpec[] {
  return manifest.functions
    .flatMap(({ routes }) => routes)
    .toSorted((a, b) =>
      `${a.path} ${a.methods?.join() ?? ''}` < `${b.path} ${b.methods?.join() ?? ''}` ? -1 : 1,
    );
}

export function onlyRoute(app: ImportedApp): RouteSpec {
  const [route, ...more] = routesOf(manifestOf(app));
  assert.ok(route !== undefined && more.length === 0);
  return route;
}

export function fileOf(app: ImportedApp, path: string | null): unknown {
  const text = app.files.find(([name]) => name === path)?.[1];
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
}

export function refuses(document: Json | string, why: RegExp): void {
  assert.throws(
    () => imported(document),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'CORDON_OPENAPI_INVALID');
      assert.match(error.message, why);
      return true;
    },
  );
}

/** One operation, `POST /a`. */
export const operation = (rest: Json, components: Json = {}): Json =>
  documentOf({ '/a': { post: rest } }, components);
export const jsonBody = (schema: unknown): Json => ({
  requestBody: { content: { 'application/json': { schema } } },
});
