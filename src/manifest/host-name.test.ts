import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canonicalHost } from './index.ts';

describe('hosts', () => {
  it('has one spelling for each', () => {
    const spellings: Readonly<Record<string, string>> = {
      'EXAMPLE.com': 'example.com',
      'bücher.example': 'xn--bcher-kva.example',
      '2130706433': '127.0.0.1',
      '0x7f.1': '127.0.0.1',
      '0177.0.0.1': '127.0.0.1',
      '127.1': '127.0.0.1',
      '127.0.0.1.': '127.0.0.1',
      '１２７.0.0.1': '127.0.0.1',
      '127。0。0。1': '127.0.0.1',
      '[::FFFF:127.0.0.1]': '[::ffff:7f00:1]',
    };
    for (const [spelling, host] of Object.entries(spellings))
      assert.equal(canonicalHost(spelling), host, spelling);
  });

  it('refuses what is none, or a second spelling of one', () => {
    for (const text of [
      '',
      'a.example.',
      'a b',
      'a/b',
      'user@host',
      'host:80',
      'a%2fb',
      '256.1.1.1',
      '[fe80::1%25eth0]',
      'a#b',
      'a?b',
      'a\\b',
    ])
      assert.equal(canonicalHost(text), null, text);
  });
});
