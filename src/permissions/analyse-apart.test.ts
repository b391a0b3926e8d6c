import assert from 'node:assert/strict';
import { test } from 'node:test';
import { analyse } from './analyse.ts';
import { analyseApart } from './analyse-apart.ts';
import { CORPUS_GRANTS } from './corpus-score.ts';

const CODE = 'export default { fetch(request, env) { return env.CACHE.get("a"); } };';

test('analysis in a process of its own finds the same', async () => {
  const options = { grants: CORPUS_GRANTS };
  assert.deepEqual(await analyseApart(CODE, options), analyse(CODE, options));
});

test('code that overflows the stack of the parser ends that process only', async () => {
  const hostile = `${'['.repeat(200_000)}${']'.repeat(200_000)};${CODE}`;
  const findings = await analyseApart(hostile, { grants: CORPUS_GRANTS });
  assert.deepEqual(
    findings.map((finding) => (finding.kind === 'unknown' ? finding.reason : finding.capability)),
    ['code-too-deep'],
  );
});
