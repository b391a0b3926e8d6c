import assert from 'node:assert/strict';
import { createHmac, sign as signBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { AUDIENCE, sign, signer } from './issuer.fixture.ts';
import { ec, rsa, useIssuer, type Claims } from './jwt.fixture.ts';

const stranger = signer('RS256', 'rsa-1');
const strangeEc = signer('ES256', 'ec-1');
const place = useIssuer();
const { accepted, good, reasonFor, seconds } = place;

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const withoutSignature = (header: unknown, claims: unknown): string => `${encode(header)}.${encode(claims)}`;

function hmacWith(secret: string | Buffer, header: Claims): string {
  const input = withoutSignature(header, good());
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

describe('a JWT is refused', () => {
  const es256Order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
  const cases: readonly (readonly [title: string, reason: RegExp, make: () => Promise<string> | string])[] = [
    ['with alg none', /no JWT/, () => `${withoutSignature({ alg: 'none' }, good())}.`],
    ['with alg none and a signature', /algorithm/, () => `${withoutSignature({ alg: 'none' }, good())}.AA`],
    ['with alg None', /algorithm/, () => `${withoutSignature({ alg: 'None', kid: 'rsa-1' }, good())}.AA`],
    [
      'with HS256 and the public key as its secret, in PEM',
      /algorithm/,
      () => hmacWith(rsa.publicKey.export({ type: 'spki', format: 'pem' }), { alg: 'HS256', kid: 'rsa-1' }),
    ],
    [
      'with HS256 and the public key as its secret, in DER',
      /algorithm/,
      () => hmacWith(rsa.publicKey.export({ type: 'spki', format: 'der' }), { alg: 'HS256', kid: 'rsa-1' }),
    ],
    [
      'with HS256 and the modulus as its secret',
      /algorithm/,
      () => hmacWith(Buffer.from(String(rsa.jwk['n']), 'base64url'), { alg: 'HS256', kid: 'rsa-1' }),
    ],
    ['with HS256 and an empty secret', /algorithm/, () => hmacWith('', { alg: 'HS256' })],
    ['with RS256 over an HMAC', /signature/, () => hmacWith('x', { alg: 'RS256', kid: 'rsa-1' })],
    ['with an algorithm in lower case', /algorithm/, async () => reheaded({ alg: 'rs256', kid: 'rsa-1' })],
    ['with an algorithm that is no text', /algorithm/, () => reheaded({ alg: ['RS256'], kid: 'rsa-1' })],
    ['without an algorithm', /header cannot|algorithm/, () => reheaded({ kid: 'rsa-1' })],
    ['of another key', /signature/, () => sign(stranger, good())],
    ['of another key with its jwk', /signature/, () => sign(stranger, good(), { jwk: stranger.jwk })],
    [
      'of another key with its jku',
      /signature/,
      () => sign(stranger, good(), { jku: `${place.issuer.url}/evil` }),
    ],
    [
      'of another key with its x5u and x5c',
      /signature/,
      () => sign(stranger, good(), { x5u: `${place.issuer.url}/evil`, x5c: ['AAAA'] }),
    ],
    ['with a kid that nobody has', /key is not known/, () => sign(rsa, good(), { kid: 'nobody' })],
    ['with a kid that is a path', /not known/, () => sign(rsa, good(), { kid: '../../dev/null' })],
    ['with a kid that is a query', /not known/, () => sign(rsa, good(), { kid: "' OR 1=1--" })],
    ['with a kid of Object', /not known/, () => sign(rsa, good(), { kid: '__proto__' })],
    ['with a kid that is a number', /kid/, () => reheaded({ alg: 'RS256', kid: 1 })],
    ['with a kid that is empty', /kid/, () => sign(rsa, good(), { kid: '' })],
    ['with a kid that is too long', /kid/, () => sign(rsa, good(), { kid: 'k'.repeat(257) })],
    [
      'with the kid of a key for another algorithm',
      /not for its algorithm/,
      () => sign(rsa, good(), { kid: 'ec-1' }),
    ],
    ['with crit', /critical/, () => reheaded({ alg: 'RS256', kid: 'rsa-1', crit: ['exp'], exp: 1 })],
    ['with b64', /critical/, () => reheaded({ alg: 'RS256', kid: 'rsa-1', b64: false, crit: ['b64'] })],
    ['with the type of another token', /another type/, () => sign(rsa, good(), { typ: 'dpop+jwt' })],
    ['with the type of a logout token', /another type/, () => sign(rsa, good(), { typ: 'logout+jwt' })],
    ['with a type that is no text', /another type/, () => reheaded({ alg: 'RS256', kid: 'rsa-1', typ: 1 })],
    ['after its end', /has expired/, () => sign(rsa, good({ exp: seconds() - 31 }))],
    ['without an end', /exp is missing/, () => sign(rsa, good({ exp: undefined }))],
    ['with an end that is text', /exp/, () => sign(rsa, good({ exp: `${seconds() + 600}` }))],
    ['with an end past all time', /exp/, () => sign(rsa, good({ exp: 1e300 }))],
    ['before its start', /nbf/, () => sign(rsa, good({ nbf: seconds() + 60 }))],
    ['with a start that is text', /nbf/, () => sign(rsa, good({ nbf: '0' }))],
    ['from the future', /future/, () => sign(rsa, good({ iat: seconds() + 60 }))],
    ['with an iat that is text', /iat|future/, () => sign(rsa, good({ iat: '0' }))],
    ['for another audience', /aud/, () => sign(rsa, good({ aud: 'https://other.example' }))],
    ['for a longer audience', /aud/, () => sign(rsa, good({ aud: `${AUDIENCE}/` }))],
    ['for no audience', /aud/, () => sign(rsa, good({ aud: undefined }))],
    ['for an empty list of audiences', /aud/, () => sign(rsa, good({ aud: [] }))],
    ['for an audience in a list in a list', /aud/, () => sign(rsa, good({ aud: [[AUDIENCE]] }))],
    ['of another issuer', /iss/, () => sign(rsa, good({ iss: 'https://other.example' }))],
    ['of an issuer with a slash more', /iss/, () => sign(rsa, good({ iss: `${place.issuer.url}/` }))],
    ['of an issuer in a list', /iss/, () => sign(rsa, good({ iss: [place.issuer.url] }))],
    ['of no issuer', /iss/, () => sign(rsa, good({ iss: undefined }))],
    ['that names nobody', /names no caller/, () => sign(rsa, good({ sub: undefined }))],
    ['that names nobody with text', /names no caller/, () => sign(rsa, good({ sub: '' }))],
    ['whose subject is a number', /names no caller/, () => sign(rsa, good({ sub: 1 }))],
    ['whose subject has a line break', /names no caller/, () => sign(rsa, good({ sub: 'ada\nroot' }))],
    ['whose subject is too long', /names no caller/, () => sign(rsa, good({ sub: 'a'.repeat(513) }))],
    [
      'with too many scopes',
      /too many scopes/,
      () => sign(rsa, good({ scp: Array.from({ length: 101 }, (_, index) => `s${index}`) })),
    ],
    ['with a signature that is cut', /signature/, shortened],
    ['without its signature', /no JWT/, async () => (await parts())[3]],
    ['with an empty signature', /no JWT/, async () => `${(await parts())[3]}.`],
    ['with an ES256 signature of zeros', /signature/, async () => es(Buffer.alloc(64))],
    [
      'with an ES256 signature of the order of the curve',
      /signature/,
      async () => es(Buffer.from(es256Order + es256Order, 'hex')),
    ],
    [
      'with an ES256 signature in DER',
      /signature/,
      async () => es(Buffer.concat([Buffer.from('3044', 'hex'), Buffer.alloc(68, 1)])),
    ],
    ['with an ES256 signature of another key', /signature/, () => sign(strangeEc, good())],
    ['with a part twice', /no JWT/, async () => `${(await parts())[0]}.${await sign(rsa, good())}`],
    ['with five parts', /no JWT/, async () => `${await sign(rsa, good())}.AA.AA`],
    ['with an empty payload', /no JWT/, async () => `${(await parts())[0]}..${(await parts())[2]}`],
    ['with padding', /no JWT/, async () => `${await sign(rsa, good())}==`],
    ['in the other base64', /no JWT/, async () => (await sign(rsa, good())).replace(/.$/, '+')],
    ['with bits past the end of its signature', /no JWT/, async () => looseBits(await sign(ec, good()))],
    ['with a header that is no object', /header/, () => `${encode([])}.${encode(good())}.AA`],
    [
      'with a header that is no JSON',
      /header/,
      () => `${Buffer.from('{alg').toString('base64url')}.${encode(good())}.AA`,
    ],
    ['with other claims under the signature', /signature/, swappedClaims],
    ['whose claims are a list', /cannot be verified/, () => signedRaw('[]')],
    ['whose claims are no JSON', /cannot be verified/, () => signedRaw('ada')],
  ];

  for (const [title, reason, makeToken] of cases) {
    it(title, async () => {
      assert.match(await reasonFor(await makeToken()), reason);
      // Its neighbour, which is good, gets in.
      await accepted(await sign(rsa, good()));
      assert.deepEqual([...new Set(place.issuer.asked)], ['/.well-known/openid-configuration', '/keys']);
    });
  }

  async function parts(): Promise<[string, string, string, string]> {
    const [header = '', payload = '', signature = ''] = (await sign(rsa, good())).split('.');
    return [header, payload, signature, `${header}.${payload}`];
  }

  /** Signed well, with a header as no library would write it. */
  async function reheaded(header: Claims): Promise<string> {
    return signedWith(header, JSON.stringify(good()));
  }

  async function signedRaw(payload: string): Promise<string> {
    return signedWith({ alg: 'RS256', kid: 'rsa-1' }, payload);
  }

  async function signedWith(header: Claims, payload: string): Promise<string> {
    const input = `${encode(header)}.${Buffer.from(payload).toString('base64url')}`;
    return `${input}.${signBytes('sha256', Buffer.from(input), rsa.privateKey).toString('base64url')}`;
  }

  async function es(signature: Buffer): Promise<string> {
    const [header = '', payload = ''] = (await sign(ec, good())).split('.');
    return `${header}.${payload}.${signature.toString('base64url')}`;
  }

  async function shortened(): Promise<string> {
    const [, , signature, input] = await parts();
    return `${input}.${Buffer.from(signature, 'base64url').subarray(0, -1).toString('base64url')}`;
  }

  async function swappedClaims(): Promise<string> {
    const [header, , signature] = await parts();
    return `${header}.${encode(good({ sub: 'root' }))}.${signature}`;
  }

  /** 64 bytes end in two characters of which the last holds four bits that nobody reads. */
  function looseBits(token: string): string {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(token.at(-1) ?? '');
    return `${token.slice(0, -1)}${alphabet[last + 1] ?? ''}`;
  }
});
