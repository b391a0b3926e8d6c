import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseUrlPattern } from '../../manifest/index.ts';
import { matchesPattern, readTarget } from './url-pattern.ts';

function matches(pattern: string, url: string): boolean {
  const parsed = parseUrlPattern(pattern);
  const target = readTarget(url);
  return parsed !== null && target !== null && matchesPattern(parsed, target);
}

const CASES: readonly (readonly [pattern: string, inside: readonly string[], outside: readonly string[]])[] =
  [
    [
      'https://api.example.com/v1/*',
      [
        'https://api.example.com/v1/',
        'https://API.example.com/v1/a/b?x=1#y',
        'https://api.example.com:443/v1/%2Fa',
      ],
      [
        'http://api.example.com/v1/a',
        'https://api.example.com/v1',
        'https://api.example.com/v2/a',
        'https://api.example.com:8443/v1/a',
        'https://api.example.com.evil.test/v1/a',
        'https://evil.test/api.example.com/v1/a',
        'https://api.example.com@evil.test/v1/a',
        'https://user@api.example.com/v1/a',
        'https://api.example.com./v1/a',
        'https://api.example.com/v1/../v2/a',
        'https://api.example.com/v1/%2e%2e/v2',
        'https://api.example.com/v1/..%2fv2',
        'https://api.example.com/v1/%2e%2e%2fv2',
        'https://api.example.com/v1/..%5cv2',
        'https://api.example.com/v1/%252e%252e%252fv2',
        'https://api.example.com/v1/..;/v2',
        'https:\\\\evil.test/v1/',
        'ftp://api.example.com/v1/a',
      ],
    ],
    [
      'https://*.example.com',
      ['https://a.example.com/', 'https://b-1.example.com/x?y'],
      ['https://example.com/', 'https://a.b.example.com/', 'https://aexample.com/', 'https://.example.com/'],
    ],
    [
      'http://127.0.0.1:3000/*',
      ['http://2130706433:3000/', 'http://0x7f.1:3000/a'],
      ['http://127.0.0.1/', 'http://127.0.0.2:3000/'],
    ],
    [
      'https://api.example.com/a*/c',
      ['https://api.example.com/ab/c', 'https://api.example.com/a/b/c'],
      ['https://api.example.com/a', 'https://api.example.com/ab/c/d'],
    ],
    [
      'https://api.example.com/exact',
      ['https://api.example.com/exact?q'],
      ['https://api.example.com/exact/', 'https://api.example.com/exac'],
    ],
    ['https://bücher.example/*', ['https://xn--bcher-kva.example/'], ['https://bucher.example/']],
  ];

describe('URL patterns', () => {
  for (const [pattern, inside, outside] of CASES) {
    it(`holds ${pattern} to what it says`, () => {
      for (const url of inside) assert.ok(matches(pattern, url), url);
      for (const url of outside) assert.ok(!matches(pattern, url), url);
    });
  }

  it('never matches another origin, whatever the path and the query say', () => {
    const pattern = parseUrlPattern('https://api.example.com/v1/*');
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (text) => {
        const url = readTarget(text);
        if (url === null || pattern === null) return;
        if (matchesPattern(pattern, url)) assert.equal(url.origin, 'https://api.example.com');
      }),
    );
  });

  it('matches globs as a regular expression would', () => {
    const part = fc.string({ maxLength: 4, unit: fc.constantFrom(...'ab*/'.split('')) });
    fc.assert(
      fc.property(
        part,
        fc.string({ maxLength: 8, unit: fc.constantFrom(...'ab/'.split('')) }),
        (glob, path) => {
          const oracle = new RegExp(`^/g${glob.replaceAll('*', '.*')}$`);
          assert.equal(matches(`http://h/g${glob}`, `http://h/g${path}`), oracle.test(`/g${path}`));
        },
      ),
    );
  });
});
