import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { awsTime, hmac, signingKey } from '../../aws/index.ts';
import { LIMITS } from '../../contract/index.ts';
import { signPostPolicy, verifyPostForm } from './index.ts';
import type { PostForm, PostPolicyField } from './index.ts';
import { KEY, NOW, SCOPE, codeOf, options } from './auth.fixture.ts';

const HOUR_MS = 3_600_000;
const SIGNING = {
  bucket: 'photos',
  key: 'in/',
  isPrefix: true,
  contentType: 'image/*',
  fileBytesMax: 1000,
  redirect: null,
  expiresMs: HOUR_MS,
  credentials: KEY,
  now: NOW,
};

/** The form that a page would send. */
function form(extra: readonly PostPolicyField[] = [], without: readonly string[] = []): PostForm {
  const fields = [...signPostPolicy(SIGNING), ['Content-Type', 'image/png'] as const];
  const kept = fields.filter(([name]) => !without.includes(name));
  return { bucket: 'photos', filename: 'cat.png', fields: [...kept, ...extra] };
}

const CREDENTIAL = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';
const SIGNATURE_CONDITIONS = [
  { bucket: 'photos' },
  { 'x-amz-algorithm': 'AWS4-HMAC-SHA256' },
  { 'x-amz-credential': CREDENTIAL },
  { 'x-amz-date': awsTime(NOW) },
];

/** A form with the key `in/a` and a policy of any text, rightly signed. */
function withPolicyText(text: string, extra: readonly PostPolicyField[] = []): PostForm {
  const policy = Buffer.from(text).toString('base64');
  const fields = [
    ['key', 'in/a'],
    ['x-amz-algorithm', 'AWS4-HMAC-SHA256'],
    ['x-amz-credential', CREDENTIAL],
    ['x-amz-date', awsTime(NOW)],
    ['policy', policy],
    ['x-amz-signature', hmac(signingKey(KEY.secret, SCOPE), policy).toString('hex')],
    ...extra,
  ] as const;
  return { bucket: 'photos', filename: null, fields };
}

function withConditions(conditions: readonly unknown[], extra: readonly PostPolicyField[] = []): PostForm {
  const expiration = new Date(NOW + HOUR_MS).toISOString();
  const all = [...SIGNATURE_CONDITIONS, ...conditions];
  return withPolicyText(JSON.stringify({ expiration, conditions: all }), extra);
}

describe('a form with a signed policy', () => {
  it('is taken while it keeps the policy, with the name of the file in the key', async () => {
    const verified = await verifyPostForm(form(), options);
    assert.equal(verified.accessKey, KEY);
    assert.equal(verified.key, 'in/cat.png');
    assert.deepEqual(verified.fileBytes, [0, 1000]);
    assert.deepEqual(
      [...verified.fields],
      [
        ['key', 'in/cat.png'],
        ['content-type', 'image/png'],
        ['bucket', 'photos'],
      ],
    );
  });

  it('may carry fields that are to be ignored, and no others', async () => {
    const verified = await verifyPostForm(form([['x-ignore-page', '1']]), options);
    assert.ok(!verified.fields.has('x-ignore-page'));
    assert.equal(await codeOf(verifyPostForm(form([['acl', 'public-read']]), options)), 'AccessDenied');
  });

  it('takes only the last part of a path for the name of the file', async () => {
    for (const filename of ['/etc/cat.png', 'C:\\pictures\\cat.png', '../../cat.png'])
      assert.equal((await verifyPostForm({ ...form(), filename }, options)).key, 'in/cat.png');
    for (const filename of [null, '', 'in/'])
      assert.equal(await codeOf(verifyPostForm({ ...form(), filename }, options)), 'MalformedPOSTRequest');
    const dollars = { ...form(), filename: "$&$'.png" };
    assert.equal((await verifyPostForm(dollars, options)).key, "in/$&$'.png");
  });

  it('ends at its time, and cannot be made to hold for longer than allowed', async () => {
    await verifyPostForm(form(), { ...options, now: NOW + HOUR_MS });
    assert.equal(
      await codeOf(verifyPostForm(form(), { ...options, now: NOW + HOUR_MS + 1 })),
      'AccessDenied',
    );
    const skew = LIMITS.s3ClockSkewMs.value;
    await verifyPostForm(form(), { ...options, now: NOW - skew });
    assert.equal(await codeOf(verifyPostForm(form(), { ...options, now: NOW - skew - 1 })), 'AccessDenied');
    const most = LIMITS.s3PresignedMsMax.value;
    for (const [expiresMs, code] of [
      [most, 'accepted'],
      [most + 1, 'InvalidPolicyDocument'],
    ] as const) {
      const fields = [...signPostPolicy({ ...SIGNING, expiresMs }), ['content-type', 'image/png'] as const];
      assert.equal(await codeOf(verifyPostForm({ ...form(), fields }, options)), code);
    }
  });

  const refusals: readonly (readonly [title: string, code: string, form: PostForm])[] = [
    ['without a policy', 'AccessDenied', form([], ['policy'])],
    ['without a signature', 'InvalidPolicyDocument', form([], ['x-amz-signature'])],
    ['without a credential', 'InvalidPolicyDocument', form([], ['x-amz-credential'])],
    ['without a time', 'InvalidPolicyDocument', form([], ['x-amz-date'])],
    ['without an algorithm', 'InvalidPolicyDocument', form([], ['x-amz-algorithm'])],
    ['without a key', 'MalformedPOSTRequest', form([], ['key'])],
    ['without a field that has a condition', 'AccessDenied', form([], ['Content-Type'])],
    ['with a key outside of the prefix', 'AccessDenied', form([['key', 'out/cat.png']], ['key'])],
    ['with another content type', 'AccessDenied', form([['content-type', 'text/html']], ['Content-Type'])],
    [
      'with another content type in a list',
      'AccessDenied',
      form([['content-type', 'image/png, text/html']], ['Content-Type']),
    ],
    ['with a field twice', 'MalformedPOSTRequest', form([['KEY', 'in/other']])],
    ['with the file among its fields', 'MalformedPOSTRequest', form([['file', 'x']])],
    ['to another bucket', 'AccessDenied', { ...form(), bucket: 'private' }],
    ['that names another bucket', 'MalformedPOSTRequest', form([['bucket', 'private']])],
    ['with a policy of its own', 'SignatureDoesNotMatch', form([['policy', 'e30=']], ['policy'])],
    [
      'with a time of its own',
      'SignatureDoesNotMatch',
      form(
        [
          ['x-amz-credential', CREDENTIAL.replace('20130524', '20130525')],
          ['x-amz-date', '20130525T000000Z'],
        ],
        ['x-amz-date', 'x-amz-credential'],
      ),
    ],
    [
      'of a key that is not known',
      'InvalidAccessKeyId',
      form([['x-amz-credential', CREDENTIAL.replace('AKIA', 'AKIB')]], ['x-amz-credential']),
    ],
    [
      'for another region',
      'InvalidPolicyDocument',
      form([['x-amz-credential', CREDENTIAL.replace('us-east-1', 'mars')]], ['x-amz-credential']),
    ],
  ];
  for (const [title, code, refused] of refusals)
    it(`is refused ${title}`, async () => assert.equal(await codeOf(verifyPostForm(refused, options)), code));

  it('may have as many fields as allowed, and not one more', async () => {
    const room = LIMITS.s3FormFieldsMax.value - form().fields.length;
    const extra = (count: number): PostPolicyField[] =>
      Array.from({ length: count }, (_, at) => [`x-ignore-${at}`, '']);
    await verifyPostForm(form(extra(room)), options);
    assert.equal(await codeOf(verifyPostForm(form(extra(room + 1)), options)), 'MalformedPOSTRequest');
  });
});

describe('a policy', () => {
  const key = ['starts-with', '$key', 'in/'];

  it('may be a list of conditions of each kind', async () => {
    const range = ['content-length-range', 10, '20'];
    const verified = await verifyPostForm(
      withConditions(
        [key, range, ['content-length-range', 0, 15], ['eq', '$Acl', 'private']],
        [['acl', 'private']],
      ),
      options,
    );
    assert.deepEqual(verified.fileBytes, [10, 15]);
  });

  it('need not bound the file, which is then bounded as all objects are', async () => {
    const { fileBytes } = await verifyPostForm(withConditions([key]), options);
    assert.deepEqual(fileBytes, [0, LIMITS.bucketObjectBytesMax.value]);
  });

  it('may have as many conditions as allowed, and not one more', async () => {
    const most = LIMITS.s3PolicyConditionsMax.value - SIGNATURE_CONDITIONS.length;
    const conditions = (count: number) => Array.from({ length: count }, () => key);
    await verifyPostForm(withConditions(conditions(most)), options);
    const code = await codeOf(verifyPostForm(withConditions(conditions(most + 1)), options));
    assert.equal(code, 'InvalidPolicyDocument');
  });

  it('may be as long as allowed, and not a byte longer', async () => {
    const most = LIMITS.s3PolicyBytesMax.value;
    const text = (bytes: number): string => {
      const conditions = [...SIGNATURE_CONDITIONS, key];
      return JSON.stringify({ expiration: new Date(NOW + 1000).toISOString(), conditions }).padEnd(bytes);
    };
    await verifyPostForm(withPolicyText(text(most)), options);
    const code = await codeOf(verifyPostForm(withPolicyText(text(most + 1)), options));
    assert.equal(code, 'InvalidPolicyDocument');
  });

  const expiration = '2013-05-24T01:00:00Z';
  const malformed: readonly (readonly [title: string, text: string])[] = [
    ['no JSON', '{'],
    ['a list', '[]'],
    ['without an expiration', JSON.stringify({ conditions: [] })],
    ['with a local time', JSON.stringify({ expiration: '2013-05-24T01:00:00', conditions: [] })],
    ['with a time of no calendar', JSON.stringify({ expiration: '2013-13-24T01:00:00Z', conditions: [] })],
    ['without conditions', JSON.stringify({ expiration })],
    ['with something more', JSON.stringify({ expiration, conditions: [], extra: 1 })],
    ['with a key twice', `{"expiration":"${expiration}","conditions":[],"conditions":[]}`],
    ['with a condition of another kind', JSON.stringify({ expiration, conditions: [['in', '$key', 'a']] })],
    ['with a condition on no field', JSON.stringify({ expiration, conditions: [['eq', 'key', 'a']] })],
    ['with a condition without a value', JSON.stringify({ expiration, conditions: [['eq', '$key']] })],
    ['with an object of two fields', JSON.stringify({ expiration, conditions: [{ key: 'a', acl: 'b' }] })],
    ['with an empty object', JSON.stringify({ expiration, conditions: [{}] })],
    ['with a number for a value', JSON.stringify({ expiration, conditions: [{ key: 1 }] })],
    ['with an empty range', JSON.stringify({ expiration, conditions: [['content-length-range', 2, 1]] })],
    [
      'with a range below nothing',
      JSON.stringify({ expiration, conditions: [['content-length-range', -1, 1]] }),
    ],
    ['with nested conditions', JSON.stringify({ expiration, conditions: [['eq', '$key', ['a']]] })],
  ];
  for (const [title, text] of malformed)
    it(`is refused ${title}`, async () =>
      assert.equal(await codeOf(verifyPostForm(withPolicyText(text), options)), 'InvalidPolicyDocument'));
});
