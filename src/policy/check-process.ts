/** Reads a manifest from its input, and writes what is wrong with its policies. Started by `checkPolicies`. */
import { text } from 'node:stream/consumers';
import { CordonError } from '../contract/index.ts';
import type { Manifest } from '../manifest/index.ts';
import { validatePolicies } from './validate.ts';
import type { CheckAnswer } from './check.ts';

function answer(manifest: Manifest): CheckAnswer {
  try {
    return { ok: true, warnings: validatePolicies(manifest) };
  } catch (thrown) {
    if (!(thrown instanceof CordonError) || thrown.code !== 'CORDON_POLICY_INVALID') throw thrown;
    return { ok: false, message: thrown.message, details: thrown.details };
  }
}

process.stdout.write(JSON.stringify(answer(JSON.parse(await text(process.stdin)) as Manifest)));
