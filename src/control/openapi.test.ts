import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { openApiDocument } from './openapi.ts';
import { OPERATIONS } from './table.ts';

const FILE = new URL('../../schema/openapi.json', import.meta.url);

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

test('schema/openapi.json is what the table of operations says; `npm run docs` brings it up to date', async () => {
  assert.deepEqual(JSON.parse(await readFile(FILE, 'utf8')), openApiDocument());
});

test('every operation has an id, a method and a path of its own', () => {
  const keys = OPERATIONS.map(({ method, path }) => `${method} ${path}`);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(new Set(OPERATIONS.map(({ id }) => id)).size, keys.length);
});

test('every parameter of a path is described', () => {
  const { paths } = openApiDocument() as {
    paths: Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>;
  };
  for (const [path, methods] of Object.entries(paths)) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
    for (const operation of Object.values(methods)) {
      const described = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'path')
        .map(({ name }) => name);
      assert.deepEqual(described.toSorted(byText), named.toSorted(byText), path);
    }
  }
});

test('only the health check needs no token', () => {
  assert.deepEqual(
    OPERATIONS.filter(({ access }) => access === 'public').map(({ id }) => id),
    ['health'],
  );
});
