import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Credentials } from '../port.ts';
import { makeAuthority, makeClient } from './certificates.fixture.ts';
import type { CertificateOptions, Issued } from './certificates.fixture.ts';
import type { CertificateNames } from './certificate.ts';
import { MtlsAuthenticator } from './index.ts';
import { parseSubjectRule, subjectOf } from './subject.ts';

function namesOf(names: Partial<CertificateNames>): CertificateNames {
  return { commonNames: [], dns: [], uris: [], emails: [], ...names };
}

function judge(names: Partial<CertificateNames>, rules: readonly string[] | null): string {
  const parsed =
    rules?.map((text) => {
      const rule = parseSubjectRule(text);
      assert.ok(typeof rule !== 'string', text);
      return rule;
    }) ?? null;
  const found = subjectOf(namesOf(names), parsed);
  return typeof found === 'string' ? `refused: ${found}` : found.subject;
}

const NONE = 'refused: no name that the manifest allows';

describe('a rule about subjects', () => {
  it('matches a whole name of its kind', () => {
    assert.equal(judge({ dns: ['a.example'] }, ['DNS:a.example']), 'DNS:a.example');
    assert.equal(judge({ dns: ['A.Example'] }, ['DNS:a.EXAMPLE']), 'DNS:a.example');
    assert.equal(judge({ uris: ['spiffe://td/ns/a'] }, ['URI:spiffe://td/ns/a']), 'URI:spiffe://td/ns/a');
    assert.equal(judge({ emails: ['Jo@Example.com'] }, ['EMAIL:Jo@example.COM']), 'EMAIL:Jo@example.com');
    assert.equal(judge({ commonNames: ['orders'] }, ['CN=orders']), 'CN=orders');
  });

  it('does not match another name, part of a name, or a name of another kind', () => {
    const refused: readonly [Partial<CertificateNames>, string][] = [
      [{ dns: ['a.example'] }, 'DNS:b.example'],
      [{ dns: ['a.example.evil.example'] }, 'DNS:a.example'],
      [{ dns: ['xa.example'] }, 'DNS:a.example'],
      [{ dns: ['a.example.'] }, 'DNS:a.example'],
      [{ commonNames: ['a.example'] }, 'DNS:a.example'],
      [{ uris: ['dns:a.example'] }, 'DNS:a.example'],
      [{ dns: ['orders'] }, 'CN=orders'],
      [{ emails: ['jo@example.com'] }, 'CN=jo@example.com'],
      [{ commonNames: ['Orders'] }, 'CN=orders'],
      [{ commonNames: ['orders '] }, 'CN=orders'],
      [{ emails: ['JO@example.com'] }, 'EMAIL:jo@example.com'],
      [{ uris: ['spiffe://td/ns/A'] }, 'URI:spiffe://td/ns/a'],
      [{ uris: ['spiffe://td/ns/a/../b'] }, 'URI:spiffe://td/ns/b'],
      [{}, 'CN=orders'],
    ];
    for (const [names, rule] of refused) assert.equal(judge(names, [rule]), NONE, rule);
  });

  it('leaves one end open where it has a `*`, for at least one character', () => {
    assert.equal(judge({ dns: ['a.b.example'] }, ['DNS:*.example']), 'DNS:a.b.example');
    assert.equal(judge({ uris: ['spiffe://td/ns/a'] }, ['URI:spiffe://td/ns/*']), 'URI:spiffe://td/ns/a');
    assert.equal(judge({ emails: ['jo@a.example'] }, ['EMAIL:*@a.example']), 'EMAIL:jo@a.example');
    assert.equal(judge({ commonNames: ['orders-1'] }, ['CN=orders-*']), 'CN=orders-1');
    assert.equal(judge({ commonNames: ['eu orders'] }, ['CN=* orders']), 'CN=eu orders');
    const refused: readonly [Partial<CertificateNames>, string][] = [
      [{ dns: ['example'] }, 'DNS:*.example'],
      [{ dns: ['.example'] }, 'DNS:*.example'],
      [{ dns: ['evilexample'] }, 'DNS:*.example'],
      [{ dns: ['a.example.evil'] }, 'DNS:*.example'],
      [{ dns: ['*.example'] }, 'DNS:*.example'],
      [{ uris: ['spiffe://td/ns/'] }, 'URI:spiffe://td/ns/*'],
      [{ uris: ['spiffe://td.evil/ns/a'] }, 'URI:spiffe://td/ns/*'],
      [{ emails: ['@a.example'] }, 'EMAIL:*@a.example'],
      [{ emails: ['jo@b.a.example'] }, 'EMAIL:*@a.example'],
      [{ commonNames: ['orders-'] }, 'CN=orders-*'],
    ];
    for (const [names, rule] of refused) assert.equal(judge(names, [rule]), NONE, rule);
  });

  it('comes before those that follow it, and refuses when it cannot tell who of several it is', () => {
    const names = { dns: ['a.example', 'b.example'], commonNames: ['x'] };
    assert.equal(judge(names, ['DNS:b.example', 'DNS:a.example']), 'DNS:b.example');
    assert.equal(judge(names, ['DNS:c.example', 'CN=x']), 'CN=x');
    assert.equal(judge(names, ['DNS:*.example']), 'refused: more than one name matches');
    assert.equal(judge({ dns: ['a.example', 'A.example'] }, ['DNS:*.example']), 'DNS:a.example');
    assert.equal(judge({ commonNames: ['a', 'b'] }, ['CN=a']), 'refused: more than one common name');
    assert.equal(judge({ commonNames: ['a', 'a'] }, ['CN=a']), 'refused: more than one common name');
  });

  it('is refused when nothing could ever match it, or the names of strangers could', () => {
    for (const rule of [
      '',
      'a.example',
      'cn=a',
      'DNS=a.example',
      'IP:192.0.2.1',
      'CN=',
      'CN=*',
      'DNS:*',
      'URI:*',
      'EMAIL:*',
      'DNS:a.*.example',
      'DNS:**.example',
      'CN=*a*',
      'CN=a\u0000b',
      'DNS:a_b.exämple',
      'DNS:a..example',
      'DNS:.example',
      'DNS:a.example.',
      `DNS:${'a'.repeat(64)}.example`,
      'DNS:*example',
      'DNS:a.*',
      'URI:a',
      'URI:spiffe://td*',
      'URI:*://td/a',
      'URI:spiffe://*',
      'URI:spiffe://td/a b',
      'EMAIL:jo',
      'EMAIL:jo@*',
      'EMAIL:*example.com',
      'EMAIL:*.example.com',
    ])
      assert.equal(typeof parseSubjectRule(rule), 'string', rule);
    for (const rule of [
      'DNS:*.a.example',
      'URI:spiffe://td/*',
      'URI:urn:x:*',
      'EMAIL:*@a.example',
      'CN=a*',
      'CN=*a',
    ])
      assert.equal(typeof parseSubjectRule(rule), 'object', rule);
  });
});

it('a certificate of an authority without rules is known by its one name of the first kind that it has', () => {
  const names = { uris: ['spiffe://td/a'], dns: ['a.example'], emails: ['a@b.example'], commonNames: ['a'] };
  assert.equal(judge(names, null), 'URI:spiffe://td/a');
  assert.equal(judge({ ...names, uris: [] }, null), 'DNS:a.example');
  assert.equal(judge({ ...names, uris: [], dns: [] }, null), 'EMAIL:a@b.example');
  assert.equal(judge({ commonNames: ['a'] }, null), 'CN=a');
  assert.equal(judge({}, null), 'refused: no name');
  assert.equal(judge({ dns: ['a.example', 'b.example'] }, null), 'refused: more than one name');
  assert.equal(judge({ commonNames: ['a', 'a'] }, null), 'refused: more than one name');
});

describe('names in a real certificate', () => {
  let root: Issued;
  before(async () => {
    root = await makeAuthority();
  });

  async function reasonFor(options: CertificateOptions, subjects: readonly string[]): Promise<string> {
    const pem = root.pem;
    const clock = { now: () => Date.now(), monotonic: () => 0 };
    const authenticator = await MtlsAuthenticator.open({
      name: 'a',
      spec: { ca: 'ca.pem', subjects },
      pem,
      clock,
    });
    const { certificate } = await makeClient(root, options);
    const shown: Credentials = {
      authorization: null,
      cookie: null,
      field: () => null,
      certificate: { leaf: certificate, intermediates: [] },
      body: null,
      address: '',
    };
    const verdict = authenticator.authenticate(shown);
    return verdict.ok ? verdict.caller.subject : verdict.reason;
  }

  it('are read from its structure, whatever is written in them', async () => {
    const dns = (value: string): CertificateOptions => ({ names: [{ type: 'dns', value }] });
    assert.equal(await reasonFor(dns('a.example'), ['DNS:a.example']), 'DNS:a.example');
    // What a name looks like when all are printed into one text.
    const none = 'no name that the manifest allows';
    assert.equal(await reasonFor({ subject: 'x, DNS:a.example' }, ['DNS:a.example']), none);
    assert.equal(await reasonFor({ subject: 'x/CN=a' }, ['CN=a']), none);
    const uri = { names: [{ type: 'url', value: 'spiffe://td/x,DNS:a.example' }] } as const;
    assert.equal(await reasonFor(uri, ['DNS:a.example']), none);
    assert.equal(await reasonFor({ subject: [{ O: ['a'] }, { OU: ['CN=a'] }] }, ['CN=a']), none);
  });

  it('are refused with a NUL, another control character or, where they are ASCII, anything else', async () => {
    const malformed = 'certificate: malformed alternative name';
    for (const value of ['a.example\0.evil.example', 'a.example\n', 'a example', 'ä.example'])
      assert.equal(await reasonFor({ names: [{ type: 'dns', value }] }, ['DNS:a.example']), malformed, value);
    for (const [type, value] of [
      ['email', 'a@b.example\0.evil.example'],
      ['url', 'spiffe://td/a\0b'],
    ] as const)
      assert.equal(await reasonFor({ names: [{ type, value }] }, ['CN=a']), malformed);
    for (const subject of ['a\0b', 'a\nb', 'a\u200fb', ''])
      assert.equal(
        await reasonFor({ subject: [{ CN: [subject] }] }, ['CN=a']),
        'certificate: malformed common name',
      );
    assert.equal(await reasonFor({ subject: 'Bücher und mehr' }, ['CN=Bücher *']), 'CN=Bücher und mehr');
    const twice = { subject: [{ CN: ['b'] }, { CN: ['a'] }] };
    assert.equal(await reasonFor(twice, ['CN=a']), 'more than one common name');
  });
});
