import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'node:test';

test('the tour starts a server, deploys, calls, and shows the answer, the log line and the instance', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../tools/tour.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child, 'close');
  assert.equal(child.exitCode, 0, output);
  assert.match(output, /200 \{"id":"teapot","name":"Teapot","price":3200\}/);
  assert.match(output, /200 \{"total":1800,"currency":"EUR"\}/);
  assert.match(output, /function product teapot/);
  assert.match(output, /served by instance ins_\w+/);
});
