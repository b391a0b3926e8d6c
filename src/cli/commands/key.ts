import { setTimeout as pause } from 'node:timers/promises';
import type { CallResult } from '../../client/index.ts';
import { CordonError, ERRORS, type ErrorCode } from '../../contract/index.ts';
import { connect, type CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { table, type Terminal } from '../terminal.ts';

type Rotation = CallResult<'GET /v1/keys/rotation'>;

/** Time between two looks at a rotation, in ms: short at first, as most are. */
const POLL_MS_MIN = 50;
const POLL_MS_MAX = 1000;

/** Rotates the data key or the master key, and waits for the end. The server goes on also when nobody waits. */
export async function rotateKey(
  context: CommandContext,
  _args: readonly string[],
  given: object,
): Promise<number> {
  const { terminal } = context;
  const kind = (given as { readonly master?: true }).master === true ? 'master' : 'data';
  const client = await connect(context);
  let rotation = await client.call('POST /v1/keys/rotate', { body: { kind } });
  let done = terminal.progress(progressOf(rotation));
  try {
    for (let ms = POLL_MS_MIN; rotation.state === 'running'; ms = Math.min(ms * 1.5, POLL_MS_MAX)) {
      await pause(ms);
      rotation = await client.call('GET /v1/keys/rotation', {});
      done();
      done = terminal.progress(progressOf(rotation));
    }
  } finally {
    done();
  }
  if (rotation.state !== 'done') throw failureOf(rotation);
  terminal.result(rotation);
  return printRotation(terminal, rotation);
}

function progressOf({ places, keys, kind }: Rotation): string {
  if (keys !== null) return `wrapping data keys: ${keys.done} of ${keys.total}`;
  const last = places.at(-1);
  return last === undefined ? `rotating the ${kind ?? ''} key` : `sealing ${last.place} anew: ${last.seen}`;
}

function printRotation(terminal: Terminal, { places, keys, version, note }: Rotation): number {
  const rows = places.map(({ place, seen, rewritten, broken }) => [
    place,
    `${seen} looked at`,
    `${rewritten} sealed anew`,
    broken === 0 ? '' : `${broken} broken`,
  ]);
  for (const line of table(rows)) terminal.line(terminal.style('dim', `  ${line.trimEnd()}`));
  const what =
    keys === null
      ? `data key ${version ?? ''} is in use`
      : `the new master key wraps ${keys.total} data keys`;
  terminal.line(`${terminal.style('green', 'rotated:')} ${what}`);
  const isWhole = places.every(({ broken }) => broken === 0);
  if (note !== null)
    terminal.note(isWhole ? note : `${terminal.style('yellow', 'warning:', 'stderr')} ${note}`);
  return isWhole ? EXIT.ok : EXIT.refused;
}

function failureOf({ state, error }: Rotation): CordonError {
  const next = 'Run the same command again: it goes on where this stopped.';
  if (state === 'interrupted' || error === null)
    return new CordonError('CORDON_DRAINING', 'The rotation was interrupted.', { details: { next } });
  const known = Object.hasOwn(ERRORS, error.code) ? (error.code as ErrorCode) : 'CORDON_INTERNAL';
  return new CordonError(known, `The rotation failed: ${error.message}`, {
    details: known === 'CORDON_INTERNAL' ? { next } : {},
  });
}
