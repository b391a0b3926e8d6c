import type { Verdict } from './row.ts';
import type { Stage } from './stage.ts';

/** Runs an action and says whether it reached the victim's code. */
export async function withoutInvocation(
  stage: Pick<Stage, 'victimHits'>,
  verdict: Verdict,
  action: () => Promise<void>,
): Promise<void> {
  const before = await stage.victimHits();
  await action();
  const after = await stage.victimHits();
  verdict.unharmed(after.born === before.born, 'the victim lost its instance');
  const reached = after.hits.slice(before.hits.length);
  verdict.unharmed(reached.length === 0, `the victim's code ran: ${reached.join(', ')}`);
}
