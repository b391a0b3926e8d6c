import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FORM_FIELDS } from '../form/post-object.ts';
import { OPERATIONS, operationOf } from './table.ts';
import type { Asked, S3Operation } from './table.ts';

const DOCUMENT = readFileSync(new URL('../../../docs/S3.md', import.meta.url), 'utf8');

/** An operation as the documentation has it. */
function documented({ name, method, level, marks, copies, parameters, fields, use }: S3Operation): string {
  const path = { service: '/', bucket: '/bucket', object: '/bucket/key' }[level];
  const query = marks.length === 0 ? '' : `?${marks.join('&')}`;
  const code = (names: readonly string[]): string => names.map((text) => `\`${text}\``).join(', ');
  const understood = [...parameters, ...fields.map((field) => (field.endsWith('-') ? `${field}*` : field))];
  const source = copies ? ' with `x-amz-copy-source`' : '';
  return `| ${name} | \`${method} ${path}${query}\`${source} | ${use ?? ''} | ${code(understood)} |`.replace(
    /  +/g,
    ' ',
  );
}

const rowsOf = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => /^\| [A-Z]\w+ +\| `(?:GET|HEAD|PUT|POST|DELETE) /.test(line))
    .map((line) => line.replace(/  +/g, ' '));

test('the documentation lists the operations that there are, with all that they understand', () => {
  assert.deepEqual(rowsOf(DOCUMENT), OPERATIONS.map(documented));
});

test('the documentation lists the fields that a form may have', () => {
  const [, listed = ''] = /Fields of the form:(.+?)\. /.exec(DOCUMENT) ?? [];
  const found = [...listed.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  assert.deepEqual(found, [...FORM_FIELDS, 'x-amz-meta-*', 'x-ignore-*']);
});

const asked = (
  method: string,
  level: Asked['level'],
  parameters: Readonly<Record<string, string>> = {},
  fields: Readonly<Record<string, string>> = {},
): Asked => ({
  method,
  level,
  parameters: new Map(Object.entries(parameters)),
  fields: new Map(Object.entries(fields)),
});

test('each operation is found by what tells it from the others', () => {
  for (const operation of OPERATIONS) {
    const parameters = Object.fromEntries(operation.marks.map((mark) => [mark, '']));
    const fields: Record<string, string> = operation.copies ? { 'x-amz-copy-source': 'a/b' } : {};
    const { method, level, name } = operation;
    assert.equal(operationOf(asked(method, level, parameters, fields)).name, name);
    const more = { ...parameters, 'x-id': name };
    assert.equal(operationOf(asked(method, level, more, fields)).name, name);
    const other = asked(method, level, { ...parameters, versionId: '1' }, fields);
    assert.throws(() => operationOf(other), { code: 'NotImplemented' }, name);
    for (const field of ['x-amz-server-side-encryption', 'x-amz-request-payer', 'x-amz-new', 'if-new']) {
      const refused = asked(method, level, parameters, { ...fields, [field]: 'x' });
      assert.throws(() => operationOf(refused), { code: 'NotImplemented' }, `${name} ${field}`);
    }
  }
});

test('subresources, conditions and methods that no operation has are refused', () => {
  for (const mark of ['acl', 'policy', 'versions', 'tagging', 'lifecycle', 'cors', 'torrent', 'restore'])
    for (const [method, level] of [
      ['GET', 'bucket'],
      ['PUT', 'bucket'],
      ['GET', 'object'],
      ['PUT', 'object'],
      ['DELETE', 'object'],
    ] as const)
      assert.throws(() => operationOf(asked(method, level, { [mark]: '' })), { code: 'NotImplemented' });
  assert.throws(() => operationOf(asked('DELETE', 'bucket')), { code: 'NotImplemented' });
  assert.throws(() => operationOf(asked('PATCH', 'object')), { code: 'MethodNotAllowed' });
  const conditional = asked('DELETE', 'object', {}, { 'if-match': '"a"' });
  assert.throws(() => operationOf(conditional), { code: 'NotImplemented' });
  const part = asked('GET', 'object', { partNumber: '1' });
  assert.throws(() => operationOf(part), { code: 'NotImplemented' });
});
