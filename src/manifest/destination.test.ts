import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CordonError } from '../contract/index.ts';
import { parseManifest, parseTcpService, parseUrlPattern, type ManifestProblem } from './index.ts';

const NO_PATTERNS = [
  '',
  '*',
  'https://',
  'https//x',
  'https:/x',
  '*://x',
  'ftp://example.com/',
  'example.com',
  'https://*',
  'https://*.*.com',
  'https://a.*.com',
  'https://*.0.0.1',
  'https://*.[::1]',
  'https://a:0',
  'https://a:65536',
  'https://a:99999',
  'https://a:x',
  'https://u@a',
  'https://u:p@a/',
  'https://a/?q',
  'https://a/#h',
  'https://a b/',
  'file:///etc',
  'https://a.',
];
const PATTERNS = [
  'https://a',
  'http://127.0.0.1:3000/*',
  'https://a:1/',
  'https://a:65535/',
  'https://*.example.com/v1/*/x',
  'https://[::1]:8443',
  'https://b\u00fccher.example/*',
];
const NO_SERVICES = [
  'db',
  'db:',
  'db:0',
  'db:65536',
  'a b:1',
  'u@db:1',
  'db.:1',
  'db:1/x',
  'https://db:1',
  'a?b:1',
];
const SERVICES = ['db:1', 'db.example.com:65535', '127.0.0.1:5432'];

const manifestOf = (fetch: string, connect: string): string => `{
  "name": "shop",
  "functions": {
    "main": {
      "entry": "main.ts",
      "grants": {
        "fetch": [{ "to": "https://ok.example/" },
          { "to": ${JSON.stringify(fetch)} }],
        "connect": [
          { "to": ${JSON.stringify(connect)} }] } } } }`;

function problemsOf(text: string): readonly ManifestProblem[] {
  try {
    parseManifest(text);
    return [];
  } catch (thrown) {
    assert.ok(thrown instanceof CordonError);
    return thrown.details['problems'] as ManifestProblem[];
  }
}

test('what is no URL pattern is refused, by the parser and at its place in a manifest', () => {
  for (const text of NO_PATTERNS) {
    assert.equal(parseUrlPattern(text), null, text);
    const problems = problemsOf(manifestOf(text, 'db:1'));
    assert.deepEqual(
      problems.map(({ path, line, code }) => [path, line, code]),
      [['functions.main.grants.fetch[1].to', 8, 'CORDON_MANIFEST_INVALID']],
      text,
    );
  }
  for (const text of PATTERNS) {
    assert.notEqual(parseUrlPattern(text), null, text);
    assert.deepEqual(problemsOf(manifestOf(text, 'db:1')), [], text);
  }
});

test('what is no TCP service is refused, by the parser and at its place in a manifest', () => {
  for (const text of NO_SERVICES) {
    assert.equal(parseTcpService(text), null, text);
    const problems = problemsOf(manifestOf('https://a/', text));
    assert.deepEqual(
      problems.map(({ path, line }) => [path, line]),
      [['functions.main.grants.connect[0].to', 10]],
      text,
    );
  }
  for (const text of SERVICES) {
    assert.notEqual(parseTcpService(text), null, text);
    assert.deepEqual(problemsOf(manifestOf('https://a/', text)), [], text);
  }
});

test('a pattern that is nearly one is named in full', () => {
  const suggested = (text: string): string | null | undefined =>
    problemsOf(manifestOf(text, 'db:1'))[0]?.suggestion;
  assert.equal(suggested('api.example.com/v1/*'), '"https://api.example.com/v1/*"');
  assert.equal(suggested('https//x'), '"https://x"');
  assert.equal(suggested('*://x'), '"https://x"');
  assert.equal(suggested('https://me:key@x/a?b#c'), '"https://x/a"');
  assert.equal(suggested('https://'), null);
  assert.equal(suggested('https://*'), null);
});

test('a pattern has one spelling of its host and port, and never what is not in its text', () => {
  assert.deepEqual(parseUrlPattern('https://*.B\u00dccher.example:0443/a b'.replace(' ', '%20')), {
    protocol: 'https:',
    host: 'xn--bcher-kva.example',
    anyLabel: true,
    port: '443',
    path: '/a%20b',
  });
  fc.assert(
    fc.property(fc.string({ maxLength: 30 }), (text) => {
      const pattern = parseUrlPattern(`https://${text}`);
      if (pattern === null) return;
      assert.equal(URL.parse(`https://${pattern.host}/`)?.hostname, pattern.host);
      assert.ok(Number(pattern.port) >= 1 && Number(pattern.port) <= 65_535);
    }),
  );
});
