import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { CallResult } from '../../client/index.ts';
import { CordonError } from '../../contract/index.ts';
import { connect, type CommandContext } from '../context.ts';
import { reviewApp, type FunctionReview, type GrantRow } from '../grant-review.ts';
import { EXIT } from '../report.ts';
import { manifestIn } from '../source.ts';
import { printable, table, type Terminal } from '../terminal.ts';
import { usage } from '../usage.ts';

type Uses = CallResult<'GET /v1/apps/{app}/uses'>['uses'];

const APP = /^[a-z][a-z0-9-]{0,62}$/;
const PLACES_SHOWN = 3;
const STATE_STYLE = {
  used: 'green',
  missing: 'red',
  unused: 'yellow',
  wildcard: 'yellow',
  excused: 'dim',
  possible: 'cyan',
} as const;

/**
 * Compares what the functions of an app use with what they are granted: by reading the code of a folder, or,
 * for the name of an app, by what the server saw. With --write the manifest is changed to what is used.
 */
export async function permissions(
  context: CommandContext,
  args: readonly string[],
  given: object,
): Promise<number> {
  const write = (given as { readonly write?: true }).write === true;
  const [target = '.'] = args;
  const { cwd } = context.surroundings;
  const folder = resolve(cwd, target);
  const isFolder = (await stat(folder).catch(() => null))?.isDirectory() === true;
  if (isFolder || !APP.test(target)) return ofFolder(context, folder, write);
  if (write)
    throw usage(`Cannot write the manifest of ${target}: it is no folder.`, 'Name the folder of the app.');
  return ofApp(context, target);
}

async function ofFolder(context: CommandContext, folder: string, write: boolean): Promise<number> {
  const { terminal } = context;
  const manifest = await manifestIn(folder, '.');
  const file = join(folder, 'cordon.jsonc');
  const text = await readFile(file, 'utf8');
  const observed = await observedUses(context, manifest.name);
  const done = terminal.progress('reading the code');
  const { functions, rewrite } = await reviewApp({
    folder,
    manifest,
    text,
    observed: observed ?? [],
  }).finally(done);
  const next = write ? rewrite() : text;
  if (next !== text) await replace(file, next);
  terminal.result({ app: manifest.name, observed: observed !== null, written: next !== text, functions });
  for (const review of functions) printFunction(terminal, review);
  if (observed === null) terminal.note('no server was asked: this is what the code shows');
  const wrong = functions.flatMap(({ rows }) => rows).filter(isWrong);
  if (next !== text) terminal.line(`wrote ${file}`);
  else if (wrong.length > 0 && write) terminal.note('nothing that could be written by a program');
  else if (wrong.length > 0)
    terminal.note('`cordon permissions --write` changes cordon.jsonc to what is used');
  return wrong.length === 0 || next !== text ? EXIT.ok : EXIT.refused;
}

/** What a server saw of an app whose source is not here. */
async function ofApp(context: CommandContext, app: string): Promise<number> {
  const { terminal } = context;
  const client = await connect(context);
  const { uses } = await client.call('GET /v1/apps/{app}/uses', { params: { app } });
  terminal.result({ app, uses });
  if (uses.length === 0) terminal.line(`${app} was not seen to use anything since the server started`);
  const rows = uses.map(({ function: name, capability, binding, operation, resource, outcome, count }) => [
    outcome === 'allow' ? 'allowed' : 'denied',
    name,
    [capability, binding].filter((part) => part !== '').join(' '),
    operation,
    printable(resource),
    `${count} times`,
  ]);
  for (const line of table(rows)) terminal.line(line);
  return uses.some(({ outcome }) => outcome === 'deny') ? EXIT.refused : EXIT.ok;
}

/** Null where no server can be asked, or it does not know the app. */
async function observedUses(context: CommandContext, app: string): Promise<Uses | null> {
  try {
    const client = await connect(context);
    return (await client.call('GET /v1/apps/{app}/uses', { params: { app } })).uses;
  } catch (error) {
    const absent =
      error instanceof CordonError &&
      ['CORDON_TOKEN_MISSING', 'CORDON_SERVER_UNREACHABLE', 'CORDON_APP_UNKNOWN'].includes(error.code);
    if (absent) return null;
    throw error;
  }
}

function isWrong({ state }: GrantRow): boolean {
  return state === 'missing' || state === 'unused' || state === 'wildcard';
}

function printFunction(terminal: Terminal, { function: name, rows, unknown }: FunctionReview): void {
  terminal.line(terminal.style('bold', name));
  if (rows.length === 0 && unknown.length === 0) terminal.line('  uses nothing and is granted nothing');
  const lines = table(
    rows.map(({ state, subject, operation, places, calls, denials }) => [
      state.padEnd(8),
      printable(subject),
      operation,
      [...shownPlaces(places), ...shownCalls(calls, denials)].join(', '),
    ]),
  );
  for (const [index, line] of lines.entries()) {
    const state = rows[index]?.state ?? 'used';
    terminal.line(`  ${terminal.style(STATE_STYLE[state], line.slice(0, 8))}${line.slice(8).trimEnd()}`);
  }
  for (const { why, place } of unknown) {
    terminal.line(
      `  ${terminal.style('magenta', 'unknown'.padEnd(8))}  ${printable(why)}  ${printable(place)}`,
    );
  }
}

function shownPlaces(places: readonly string[]): string[] {
  const more = places.length - PLACES_SHOWN;
  const shown = places.slice(0, PLACES_SHOWN).map(printable);
  return more > 0 ? [...shown, `${more} more`] : shown;
}

function shownCalls(calls: number, denials: number): string[] {
  return [...(calls > 0 ? [`seen ${calls} times`] : []), ...(denials > 0 ? [`denied ${denials} times`] : [])];
}

/** Renamed into place, so that nobody reads half of it. */
async function replace(file: string, text: string): Promise<void> {
  const { mode } = await stat(file);
  await writeFile(`${file}.new`, text, { mode });
  await rename(`${file}.new`, file);
}
