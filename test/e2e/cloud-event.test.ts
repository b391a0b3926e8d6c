import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloudEvent } from '../../src/guest/cloud-event.ts';

const REQUIRED = { specversion: '1.0', id: 'e1', source: '/apps/shop', type: 'order.created' };

function eventOf(datacontenttype: string | null, data: string | null): CloudEvent {
  const attributes = datacontenttype === null ? REQUIRED : { ...REQUIRED, datacontenttype };
  return new CloudEvent(attributes, data === null ? null : new Uint8Array(Buffer.from(data)));
}

test('data is what its content type says', () => {
  for (const type of [
    'application/json',
    'application/JSON; charset=utf-8',
    'application/vnd.x+json',
    'text/json',
  ])
    assert.deepEqual(eventOf(type, '{"n":1}').data, { n: 1 }, type);
  for (const type of ['text/plain', 'TEXT/csv; charset=utf-8'])
    assert.equal(eventOf(type, 'é').data, 'é', type);
  for (const type of ['image/png', 'application/jsonp', 'x+json', null])
    assert.deepEqual(eventOf(type, 'ab').data, new Uint8Array([97, 98]), String(type));
  assert.equal(eventOf('application/json', null).data, undefined);
});

test('data that is not the JSON that it says fails when it is asked for, and its bytes can be had', () => {
  const event = eventOf('application/json', '{');
  assert.throws(() => event.data, SyntaxError);
  assert.throws(() => event.json(), SyntaxError);
  assert.equal(event.text(), '{');
  assert.deepEqual(event.bytes(), new Uint8Array([123]));
});

test('attributes are properties, but for those that are named like a member', () => {
  const attributes = { ...REQUIRED, subject: 'in/a.png', size: 5, constructor: 'x', text: 'y', json: 'z' };
  const event = new CloudEvent(attributes, null);
  assert.deepEqual(
    [
      event.specversion,
      event.id,
      event.source,
      event.type,
      Reflect.get(event, 'subject'),
      Reflect.get(event, 'size'),
    ],
    ['1.0', 'e1', '/apps/shop', 'order.created', 'in/a.png', 5],
  );
  assert.equal(event.text(), '');
  assert.equal(event.constructor, CloudEvent);
  assert.deepEqual(event.attributes, attributes);
  assert.ok(Object.isFrozen(event.attributes));
});

test('what code does to the bytes that it got changes nothing', () => {
  const event = eventOf('image/png', 'ab');
  event.bytes().fill(0);
  assert.equal(event.text(), 'ab');
});
