import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../contract/index.ts';
import { createServerLog } from './server-log.ts';

function collect(): { readonly lines: string[]; readonly stream: { write(line: string): void } } {
  const lines: string[] = [];
  return { lines, stream: { write: (line) => void lines.push(line) } };
}

test('writes a line of JSON with level, time, message and facts', () => {
  const { lines, stream } = collect();
  createServerLog({ stream }).info({ port: 8080 }, 'listening');
  assert.equal(lines.length, 1);
  const { time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(rest, { level: 'info', port: 8080, msg: 'listening' });
});

test('leaves out what is below its level', () => {
  const { lines, stream } = collect();
  const log = createServerLog({ level: 'warn', stream });
  log.debug({}, 'no');
  log.info({}, 'no');
  log.warn({}, 'yes');
  log.error({ err: new Error('broken', { cause: new Error('disk') }) }, 'yes');
  assert.equal(lines.length, 2);
  assert.match(lines[1] ?? '', /disk/);
});

test('keeps a message on its line and away from the terminal', () => {
  const { lines, stream } = collect();
  createServerLog({ stream }).info({ path: '\u009b31m\u202e' }, 'a\r\n{"level":"error"}\u001b[2J');
  const [line = ''] = lines;
  assert.equal(line.indexOf('\n'), line.length - 1);
  assert.doesNotMatch(line.trimEnd(), /[\p{Cc}\p{Bidi_Control}]/u);
  assert.equal((JSON.parse(line) as { path: string }).path, '\u009b31m\u202e');
});

test('prints no secret', () => {
  const { lines, stream } = collect();
  createServerLog({ stream }).info({ token: new Secret('hunter2') }, 'started');
  assert.doesNotMatch(lines.join(''), /hunter2/);
  assert.match(lines.join(''), /\[redacted\]/);
});
