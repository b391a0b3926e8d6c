import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../contract/index.ts';
import { verifyRequest } from './index.ts';
import type { SignedRequest } from './index.ts';
import {
  KEY,
  NOW,
  TIME,
  codeOf,
  options,
  request,
  signed,
  withAuthorization,
  withField,
} from './auth.fixture.ts';

describe('a request that is signed in its header', () => {
  it('is read once, as it was signed', async () => {
    const verified = await verifyRequest(request(), options);
    assert.equal(verified.accessKey, KEY);
    assert.equal(verified.isPresigned, false);
    assert.equal(verified.mode, 'sha256');
    assert.equal(verified.path, '/photos/in/cat.png');
    assert.deepEqual([...verified.parameters], [['versionId', 'a b']]);
    assert.equal(verified.fields.get('x-amz-meta-owner'), 'ana');
    assert.equal(verified.bodyBytes, null);
  });

  it('may be for any of the regions that clients name, and for no other', async () => {
    for (const region of ['cordon', 'us-east-1', 'auto']) await verifyRequest(signed({ region }), options);
    const other = signed({ region: 'eu-central-1' });
    assert.equal(await codeOf(verifyRequest(other, options)), 'AuthorizationHeaderMalformed');
    await verifyRequest(other, { ...options, regions: ['eu-central-1'] });
  });

  it('is taken up to the skew of clocks, and not a second past it', async () => {
    const skew = LIMITS.s3ClockSkewMs.value;
    for (const sign of [-1, 1]) {
      await verifyRequest(request(), { ...options, now: NOW + sign * skew });
      const late = verifyRequest(request(), { ...options, now: NOW + sign * (skew + 1000) });
      assert.equal(await codeOf(late), 'RequestTimeTooSkewed');
    }
  });

  it('may have field values of any bytes, which are signed as they arrive', async () => {
    const value = Buffer.from('für à  Ana').toString('latin1');
    const verified = await verifyRequest(signed({ fields: [['x-amz-meta-name', value]] }), options);
    assert.equal(verified.fields.get('x-amz-meta-name'), value);
  });

  it('may come with repeated fields that nothing reads', async () => {
    const base = request();
    await verifyRequest({ ...base, fields: [...base.fields, 'Via', '1.1 a', 'via', '1.1 b'] }, options);
  });

  it('tells whose failure it is by the key that was claimed', async () => {
    const wrong = withAuthorization((text) => text.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')));
    await assert.rejects(verifyRequest(wrong, options), { code: 'SignatureDoesNotMatch', claimed: KEY.id });
    const nobody = { ...request(), fields: ['host', 's3.cordon.test'] };
    await assert.rejects(verifyRequest(nobody, options), { code: 'AccessDenied', claimed: null });
  });

  it('is taken with as many parameters as allowed, and refused with one more', async () => {
    const most = LIMITS.s3QueryParametersMax.value;
    const parameters = Array.from({ length: most + 1 }, (_, at) => [`p${at}`, ''] as const);
    await verifyRequest(signed({ parameters: parameters.slice(1) }), options);
    assert.equal(await codeOf(verifyRequest(signed({ parameters }), options)), 'InvalidArgument');
  });

  it('is taken with as many signed fields as allowed, and refused with one more', async () => {
    const most = LIMITS.s3SignedFieldsMax.value - 3;
    const fields = Array.from({ length: most + 1 }, (_, at) => [`x-amz-meta-${at}`, 'v'] as const);
    await verifyRequest(signed({ fields: fields.slice(1) }), options);
    const code = await codeOf(verifyRequest(signed({ fields }), options));
    assert.equal(code, 'AuthorizationHeaderMalformed');
  });
});

describe('a request is refused', () => {
  it('with any one byte of its method, path, query or fields changed', async () => {
    const text = fc.stringMatching(/^[a-zA-Z0-9_.~-]{1,12}$/);
    const places = fc.constantFrom('method', 'path', 'query', 'field', 'time', 'authorization');
    const byte = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
    await fc.assert(
      fc.asyncProperty(text, text, places, fc.nat(), byte, async (key, value, place, seed, other) => {
        const right = signed({
          path: `/photos/${key}`,
          parameters: [['list-type', value]],
          fields: [['x-amz-meta-a', value]],
        });
        await verifyRequest(right, options);
        const change = (before: string): string => {
          const at = seed % before.length;
          return before.slice(0, at) + other + before.slice(at + 1);
        };
        const changed = changedAt(right, place, change);
        fc.pre(JSON.stringify(changed) !== JSON.stringify(right));
        assert.notEqual(await codeOf(verifyRequest(changed, options)), 'accepted', JSON.stringify(changed));
      }),
      { numRuns: 400 },
    );
  });
});

function changedAt(
  right: SignedRequest,
  place: 'method' | 'path' | 'query' | 'field' | 'time' | 'authorization',
  change: (before: string) => string,
): SignedRequest {
  switch (place) {
    case 'method':
      return { ...right, method: change(right.method) };
    case 'path':
      return { ...right, path: change(right.path) };
    case 'query':
      return { ...right, query: change(right.query) };
    case 'field':
      return withField(
        right,
        'x-amz-meta-a',
        change(right.fields[right.fields.indexOf('x-amz-meta-a') + 1] ?? ''),
      );
    case 'time':
      return withField(right, 'x-amz-date', change(TIME));
    case 'authorization':
      return withField(right, 'authorization', change(right.fields.at(-1) ?? ''));
  }
}
