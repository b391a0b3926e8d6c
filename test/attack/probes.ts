import { readlinkSync } from 'node:fs';
import type { Verdict } from './row.ts';
import { errorOf, type Stage } from './stage.ts';

/** Judges what a probe reports: everything has to be denied. */
export function judge(
  verdict: Verdict,
  outcomes: Record<string, string>,
  forbidden: readonly string[] = [],
): void {
  for (const [name, outcome] of Object.entries(outcomes)) {
    verdict.expect(!outcome.startsWith('REACHED'), `${name}: ${outcome.slice(0, 120)}`);
    for (const text of forbidden)
      verdict.unharmed(!outcome.includes(text), `${name} returned what it may not see`);
  }
}

/** Makes an attempt that may end the attacker's own process, which is as good as being denied. */
export async function judgeFatal(stage: Stage, verdict: Verdict, name: string): Promise<void> {
  const { status, text } = await stage.call(`/attacker/probe/fatal?name=${encodeURIComponent(name)}`);
  if (status === 200) judge(verdict, JSON.parse(text) as Record<string, string>);
  else
    verdict.expect(
      ['CORDON_FUNCTION_CRASHED', 'CORDON_FUNCTION_MEMORY'].includes(errorOf(text).code),
      `${name}: ${status}`,
    );
}

/** What a function that means no harm does with the same parts of the runtime. Throws when it does not work. */
export async function benign(stage: Stage): Promise<void> {
  const found = await stage.probe('benign');
  if (
    found['data URL'] !== 'hello' ||
    found['digest'] !== '32' ||
    found['path'] !== 'a/b' ||
    found['blob'] !== 'x'
  )
    throw new Error(`harmless APIs do not work: ${JSON.stringify(found)}`);
}

/** True for a process in its own namespaces: not the parts of bubblewrap that stay outside. */
export function isInside(pid: number): boolean {
  try {
    return (
      readlinkSync(`/proc/${pid}/ns/pid`) !== readlinkSync('/proc/self/ns/pid') &&
      readlinkSync(`/proc/${pid}/exe`).endsWith('deno')
    );
  } catch {
    return false;
  }
}
