import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { startControl, type Harness } from './control.fixture.ts';

const id = (digit: number): string => String(digit).repeat(32);
const bytes = randomBytes(LIMITS.rejectedPieceBytesMax.value + 10);
let control: Harness;

before(async () => {
  control = await startControl();
  control.rejectedObjects.add(id(1), 'in/a.gif', Buffer.from('first'));
  control.rejectedObjects.add(id(2), 'in/b.gif', bytes);
});
after(() => control.close());

async function ask(
  path: string,
  { method = 'GET', token = control.token } = {},
): Promise<{ status: number; body: Record<string, unknown>; type: string | null }> {
  const response = await fetch(`${control.url}/v1/rejected-objects${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
  });
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, body, type: response.headers.get('content-type') };
}

const codeOf = ({ body }: { readonly body: Record<string, unknown> }): unknown =>
  (body['error'] as { readonly code?: unknown } | undefined)?.code;

test('rejected objects are listed, newest first and page by page', async () => {
  const ids = async (query: string): Promise<unknown> =>
    ((await ask(query)).body['objects'] as { id: string }[]).map((object) => object.id);
  assert.deepEqual(await ids(''), [id(2), id(1)]);
  assert.deepEqual(await ids('?limit=1'), [id(2)]);
  assert.deepEqual(await ids(`?limit=1&after=${id(2)}`), [id(1)]);
  const most = LIMITS.rejectedListMax.value;
  assert.equal((await ask(`?limit=${most}`)).status, 200);
  assert.equal((await ask(`?limit=${most + 1}`)).status, 400);
});

test('one is shown with what was found, and one that is not there is not', async () => {
  const { body } = await ask(`/${id(1)}`);
  assert.deepEqual(body, {
    ...{
      id: id(1),
      bucket: 'photos',
      key: 'in/a.gif',
      size: 5,
      contentType: 'image/gif',
      md5: '0'.repeat(32),
    },
    ...{
      reason: 'polyglot',
      note: 'image/gif with markup',
      actor: 'shop/main',
      rejectedAt: 1_700_000_000_000,
    },
  });
  assert.equal(codeOf(await ask(`/${id(9)}`)), 'CORDON_UPLOAD_UNKNOWN');
  assert.equal(codeOf(await ask('/..%2f..')), 'CORDON_INPUT_INVALID');
});

test('the bytes come as text, at most a piece at a time', async () => {
  const piece = async (offset: number): Promise<Buffer> => {
    const { body, type } = await ask(`/${id(2)}/content?offset=${offset}`);
    assert.match(type ?? '', /^application\/json/);
    return Buffer.from(String(body['base64']), 'base64');
  };
  const first = await piece(0);
  assert.equal(first.length, LIMITS.rejectedPieceBytesMax.value);
  assert.deepEqual(Buffer.concat([first, await piece(first.length)]), bytes);
  assert.equal((await piece(bytes.length)).length, 0);
  assert.equal(codeOf(await ask(`/${id(9)}/content`)), 'CORDON_UPLOAD_UNKNOWN');
});

test('nobody without a token sees or removes any', async () => {
  for (const [path, method] of [
    ['', 'GET'],
    [`/${id(1)}`, 'GET'],
    [`/${id(1)}/content`, 'GET'],
    [`/${id(1)}`, 'DELETE'],
  ] as const)
    assert.equal((await ask(path, { method, token: 'wrong' })).status, 401);
  assert.equal(control.rejectedObjects.held.length, 2);
});

test('one is removed, once', async () => {
  assert.deepEqual((await ask(`/${id(1)}`, { method: 'DELETE' })).body, { id: id(1) });
  assert.equal(codeOf(await ask(`/${id(1)}`, { method: 'DELETE' })), 'CORDON_UPLOAD_UNKNOWN');
});
