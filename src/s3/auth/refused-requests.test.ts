import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { verifyRequest } from './index.ts';
import type { SignedRequest } from './index.ts';
import {
  EMPTY,
  KEY,
  codeOf,
  options,
  request,
  signed,
  withAuthorization,
  withField,
} from './auth.fixture.ts';

describe('a request is refused', () => {
  const base = request();
  const mutations: readonly (readonly [title: string, code: string, request: SignedRequest])[] = [
    ['with another method', 'SignatureDoesNotMatch', { ...base, method: 'DELETE' }],
    ['with a method in small letters', 'MethodNotAllowed', { ...base, method: 'put' }],
    ['with another path', 'SignatureDoesNotMatch', { ...base, path: '/photos/in/dog.png' }],
    ['with a longer path', 'SignatureDoesNotMatch', { ...base, path: `${base.path}/` }],
    ['with a doubled slash', 'SignatureDoesNotMatch', { ...base, path: '/photos//in/cat.png' }],
    ['with an escaped slash', 'SignatureDoesNotMatch', { ...base, path: '/photos/in%2Fcat.png' }],
    ['with a path twice escaped', 'SignatureDoesNotMatch', { ...base, path: '/photos/in%252Fcat.png' }],
    ['with dot segments', 'SignatureDoesNotMatch', { ...base, path: '/photos/x/../in/cat.png' }],
    ['without a slash at first', 'InvalidURI', { ...base, path: 'photos/in/cat.png' }],
    ['with an absolute target', 'InvalidURI', { ...base, path: 'http://s3.cordon.test/photos' }],
    ['with a broken escape in the path', 'InvalidURI', { ...base, path: '/photos/in/cat%2.png' }],
    ['with an escape that is no UTF-8', 'InvalidURI', { ...base, path: '/photos/in/cat%ff.png' }],
    ['with raw bytes in the path', 'InvalidURI', { ...base, path: '/photos/in/c\u00e4t.png' }],
    ['without its query', 'SignatureDoesNotMatch', { ...base, query: '' }],
    ['with a parameter more', 'SignatureDoesNotMatch', { ...base, query: `${base.query}&acl` }],
    ['with a parameter twice', 'InvalidArgument', { ...base, query: `${base.query}&${base.query}` }],
    ['with a parameter twice, escaped', 'InvalidArgument', { ...base, query: `${base.query}&%76ersionId=b` }],
    ['with a plus for a space', 'InvalidURI', { ...base, query: 'versionId=a+b' }],
    ['with a nameless parameter', 'InvalidURI', { ...base, query: `${base.query}&` }],
    ['with a broken escape in the query', 'InvalidURI', { ...base, query: 'versionId=a%2' }],
    ['with another signed field', 'SignatureDoesNotMatch', withField(base, 'range', 'bytes=0-8')],
    ['without a signed field', 'SignatureDoesNotMatch', withField(base, 'range', null)],
    ['for another host', 'SignatureDoesNotMatch', withField(base, 'host', 's3.other.test')],
    ['without a host', 'SignatureDoesNotMatch', withField(base, 'host', null)],
    ['with an x-amz field that is not signed', 'AccessDenied', withField(base, 'x-amz-acl', 'public-read')],
    ['with such a field in capitals', 'AccessDenied', withField(base, 'X-AMZ-ACL', 'public-read')],
    ['with a field twice', 'InvalidArgument', { ...base, fields: [...base.fields, 'Range', 'bytes=0-8'] }],
    ['with two hosts', 'InvalidArgument', { ...base, fields: ['Host', 'a.test', ...base.fields] }],
    [
      'with two authorizations',
      'InvalidArgument',
      { ...base, fields: [...base.fields, 'Authorization', base.fields.at(-1) ?? ''] },
    ],
    ['with a session token', 'InvalidRequest', withField(base, 'x-amz-security-token', 'token')],
    ['without a payload', 'InvalidRequest', withField(base, 'x-amz-content-sha256', null)],
    [
      'with another payload',
      'SignatureDoesNotMatch',
      withField(base, 'x-amz-content-sha256', 'UNSIGNED-PAYLOAD'),
    ],
    ['without a time', 'AuthorizationHeaderMalformed', withField(base, 'x-amz-date', null)],
    ['with another time', 'SignatureDoesNotMatch', withField(base, 'x-amz-date', '20130524T000001Z')],
    [
      'with a time of no calendar',
      'AuthorizationHeaderMalformed',
      withField(base, 'x-amz-date', '20130524T250000Z'),
    ],
    [
      'with a time of another day',
      'AuthorizationHeaderMalformed',
      withField(base, 'x-amz-date', '20130523T235959Z'),
    ],
    ['with no credentials at all', 'AccessDenied', withField(base, 'authorization', null)],
    [
      'with a signature of version 2',
      'InvalidRequest',
      withAuthorization(() => 'AWS AKIAIOSFODNN7EXAMPLE:abc='),
    ],
    ['with a bearer token', 'InvalidRequest', withAuthorization(() => 'Bearer abc')],
    [
      'with an asymmetric signature',
      'InvalidRequest',
      withAuthorization((text) => text.replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256')),
    ],
    [
      'without a signature',
      'AuthorizationHeaderMalformed',
      withAuthorization((text) => text.replace(/,Signature=.*/, '')),
    ],
    [
      'with an empty signature',
      'AuthorizationHeaderMalformed',
      withAuthorization((text) => text.replace(/Signature=[^,]*$/, 'Signature=')),
    ],
    [
      'with a signature in capitals',
      'AuthorizationHeaderMalformed',
      withAuthorization((text) =>
        text.replace(/Signature=[^,]*$/, (match) => `Signature=${match.slice(10).toUpperCase()}`),
      ),
    ],
    [
      'with a part of the authorization twice',
      'AuthorizationHeaderMalformed',
      withAuthorization((text) => `${text},Signature=${'0'.repeat(64)}`),
    ],
    [
      'with a part of the authorization more',
      'AuthorizationHeaderMalformed',
      withAuthorization((text) => `${text},Extra=1`),
    ],
    [
      'for another service',
      'AuthorizationHeaderMalformed',
      withAuthorization((text) => text.replace('/s3/', '/sts/')),
    ],
    [
      'with a scope of another end',
      'AuthorizationHeaderMalformed',
      withAuthorization((text) => text.replace('aws4_request', 'aws4_requests')),
    ],
    [
      'with the scope of another day',
      'AuthorizationHeaderMalformed',
      withAuthorization((text) => text.replace('/20130524/', '/20130525/')),
    ],
    [
      'with the scope of another region that is served',
      'SignatureDoesNotMatch',
      withAuthorization((text) => text.replace('/us-east-1/', '/auto/')),
    ],
    [
      'with a host that is not signed',
      'AccessDenied',
      withAuthorization((text) => text.replace('SignedHeaders=host;', 'SignedHeaders=')),
    ],
    [
      'with signed fields in another order',
      'AuthorizationHeaderMalformed',
      withAuthorization((text) => text.replace('host;range', 'range;host')),
    ],
    [
      'with a signed field named twice',
      'AuthorizationHeaderMalformed',
      withAuthorization((text) => text.replace('host;', 'host;host;')),
    ],
    [
      'with a signed field in capitals',
      'AuthorizationHeaderMalformed',
      withAuthorization((text) => text.replace('host;', 'Host;')),
    ],
    [
      'with a signed field less',
      'SignatureDoesNotMatch',
      withAuthorization((text) => text.replace(';range', '')),
    ],
    ['of a key that is not known', 'InvalidAccessKeyId', signed({ keyId: 'AKIAIOSFODNN7EXAMPLF' })],
    [
      'of a key that is a name of objects',
      'InvalidAccessKeyId',
      withAuthorization((text) => text.replace(KEY.id, 'constructor')),
    ],
    [
      'with two signatures',
      'InvalidArgument',
      { ...base, query: `${base.query}&X-Amz-Signature=${'0'.repeat(64)}` },
    ],
    [
      'with a signature of version 2 in the query',
      'AuthorizationQueryParametersError',
      withField({ ...base, query: 'AWSAccessKeyId=a&Signature=b&Expires=1' }, 'authorization', null),
    ],
    [
      'with a payload of another kind',
      'InvalidArgument',
      signed({ payload: 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' }),
    ],
    ['with a payload in capitals', 'InvalidArgument', signed({ payload: EMPTY.toUpperCase() })],
    [
      'with chunks and no length of what they hold',
      'MissingContentLength',
      signed({ payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' }),
    ],
    [
      'with aws-chunked and a hash',
      'InvalidArgument',
      signed({ fields: [['content-encoding', 'aws-chunked']] }),
    ],
    ['with a length that is no number', 'InvalidArgument', signed({ fields: [['content-length', '1e3']] })],
    ['with an MD5 that is none', 'InvalidDigest', signed({ fields: [['content-md5', 'AAAA']] })],
    [
      'with a checksum that is none',
      'InvalidRequest',
      signed({ fields: [['x-amz-checksum-crc32', 'AAA=']] }),
    ],
    [
      'with two checksums',
      'InvalidRequest',
      signed({
        fields: [
          ['x-amz-checksum-crc32', 'AAAAAA=='],
          ['x-amz-checksum-crc32c', 'AAAAAA=='],
        ],
      }),
    ],
    [
      'with a checksum that is not known',
      'NotImplemented',
      signed({ fields: [['x-amz-checksum-xxhash3', 'AAAA']] }),
    ],
    [
      'with a trailer and a hash',
      'MalformedTrailerError',
      signed({ fields: [['x-amz-trailer', 'x-amz-checksum-crc32']] }),
    ],
    [
      'with an unknown trailer',
      'NotImplemented',
      signed({
        payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        fields: [
          ['x-amz-decoded-content-length', '0'],
          ['x-amz-trailer', 'x-amz-meta-a'],
        ],
      }),
    ],
    [
      'with a trailer that is not announced',
      'MalformedTrailerError',
      signed({
        payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        fields: [['x-amz-decoded-content-length', '0']],
      }),
    ],
    ['with field values that are no bytes', 'InvalidArgument', withField(base, 'range', 'bytes=0-\u0139')],
  ];
  for (const [title, code, mutation] of mutations)
    it(title, async () => assert.equal(await codeOf(verifyRequest(mutation, options)), code));
});
