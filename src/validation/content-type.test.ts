import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseContentType } from './content-type.ts';
import { validatorOf } from './validation.fixture.ts';

describe('the content type of a body', () => {
  const json = validatorOf({ body: 'json' });
  const takes = (validator: typeof json, type: string, ...more: readonly string[]) =>
    validator.takesContent(true, ['Content-Type', type, ...more]);

  it('is JSON in UTF-8 where the body is checked', () => {
    for (const type of [
      'application/json',
      'Application/JSON',
      'application/json; charset=UTF-8',
      'application/json;charset="utf-8"',
    ]) {
      assert.equal(takes(json, type), true, type);
    }
    for (const type of [
      'text/plain',
      'application/json; charset=utf-16',
      'application/json; charset=utf-8; charset=utf-16',
      'application/json, text/plain',
      'application/json;',
      'application/json x',
      'application',
      '',
    ]) {
      assert.equal(takes(json, type), false, type);
    }
    assert.equal(json.takesContent(true, []), false);
    assert.equal(
      json.takesContent(true, ['content-type', 'application/json', 'content-type', 'text/plain']),
      false,
    );
    assert.equal(json.takesContent(false, []), true);
    assert.equal(json.accept, 'application/json');
  });

  it('is one of those that the route lists, and never another kind for a body that is read as JSON', () => {
    const images = validatorOf({ types: ['image/*', 'application/pdf'] });
    assert.equal(takes(images, 'image/png'), true);
    assert.equal(takes(images, 'application/pdf'), true);
    for (const type of ['imagee/png', 'text/html', 'application/json'])
      assert.equal(takes(images, type), false);
    assert.equal(images.accept, 'image/*, application/pdf');
    const merge = validatorOf({ body: 'json', types: ['application/merge-patch+json', 'text/plain'] });
    assert.equal(takes(merge, 'application/merge-patch+json'), true);
    assert.equal(takes(merge, 'application/json'), false);
    assert.equal(takes(merge, 'text/plain'), false);
    const queried = validatorOf({ query: 'q.json' }, { 'q.json': { type: 'object' } });
    assert.equal(takes(queried, 'text/plain'), true);
  });

  it('stands without an encoding where the body is checked', () => {
    assert.equal(takes(json, 'application/json', 'Content-Encoding', 'identity'), true);
    assert.equal(takes(json, 'application/json', 'Content-Encoding', 'gzip'), false);
    assert.equal(takes(validatorOf({ types: ['image/png'] }), 'image/png', 'content-encoding', 'gzip'), true);
  });

  it('is read in one way only', () => {
    assert.deepEqual(parseContentType('Multipart/Form-Data; boundary="a;b=\\"c"'), {
      essence: 'multipart/form-data',
      charset: null,
    });
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseContentType(text);
        if (parsed !== null) assert.ok(text.toLowerCase().startsWith(parsed.essence));
        assert.equal(
          parseContentType(`application/json${text}`)?.essence === 'application/json',
          /^(?:$|[ \t]*;)/.test(text) && parseContentType(`a/b${text}`) !== null,
        );
      }),
    );
  });
});
