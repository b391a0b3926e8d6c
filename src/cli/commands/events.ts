import { isUtf8 } from 'node:buffer';
import type { CallResult } from '../../client/index.ts';
import { connect, type CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { printable, table, type Terminal } from '../terminal.ts';
import { usage } from '../usage.ts';

type State = 'waiting' | 'dead';
type EventRow = CallResult<'GET /v1/events'>['events'][number];
type EventDetail = CallResult<'GET /v1/events/{id}'>;

interface ListOptions {
  readonly lane?: string;
  readonly state?: State;
  readonly after?: string;
  readonly limit: number;
}

interface ChoiceOptions {
  readonly lane?: string;
  readonly state?: State;
  readonly yes?: boolean;
}

export async function listEvents(
  context: CommandContext,
  _args: readonly string[],
  given: object,
): Promise<number> {
  const { terminal } = context;
  const { lane, state, after, limit } = given as ListOptions;
  const listed = await (
    await connect(context)
  ).call('GET /v1/events', {
    query: {
      limit,
      ...(lane === undefined ? {} : { lane }),
      ...(state === undefined ? {} : { state }),
      ...(after === undefined ? {} : { after }),
    },
  });
  terminal.result(listed);
  if (listed.events.length === 0) terminal.line('no events');
  else {
    const head = ['ID', 'STATE', 'LANE', 'ATTEMPTS', 'BYTES', 'ACCEPTED', 'AT', 'REASON'];
    for (const line of table([head, ...listed.events.map(rowOf)])) terminal.line(line);
  }
  if (listed.next !== null) terminal.note(`There are more: go on with --after ${oneLine(listed.next)}`);
  return EXIT.ok;
}

export async function listLanes(context: CommandContext): Promise<number> {
  const { terminal } = context;
  const client = await connect(context);
  const { lanes } = await client.call('GET /v1/event-lanes', {});
  const delivery = await client.call('GET /v1/delivery', {});
  terminal.result({ lanes, delivery });
  const takers = new Map(
    delivery.functions.flatMap(({ app, function: fn, lanes: taken }) =>
      taken.map(({ lane }) => [lane, `${app}/${fn}`] as const),
    ),
  );
  if (lanes.length === 0) terminal.line('no events');
  else {
    const rows = lanes.map(({ lane, waiting, waitingBytes, dead }) => [
      oneLine(lane),
      takers.get(lane) ?? '(nobody)',
      ...[waiting, waitingBytes, dead].map(String),
    ]);
    for (const line of table([['LANE', 'TAKEN BY', 'WAITING', 'BYTES', 'DEAD'], ...rows]))
      terminal.line(line);
  }
  return EXIT.ok;
}

/** Shows one event. What its producer wrote, and what failed, is somebody's text: it cannot steer the terminal. */
export async function showEvent(context: CommandContext, args: readonly string[]): Promise<number> {
  const { terminal } = context;
  const [id = ''] = args;
  const detail = await (await connect(context)).call('GET /v1/events/{id}', { params: { id } });
  terminal.result(detail);
  for (const [name, value] of factsOf(detail)) terminal.line(`${name.padEnd(9)} ${oneLine(value)}`);
  printAttempts(terminal, detail);
  const { data, data_base64: encoded, ...attributes } = detail.event;
  terminal.line();
  for (const line of table(Object.entries(attributes).map(([name, value]) => [name, oneLine(String(value))])))
    terminal.line(line);
  terminal.line();
  const heading = `data, ${detail.bytes} bytes`;
  if (typeof encoded === 'string') printBytes(terminal, heading, Buffer.from(encoded, 'base64'));
  else if (data === undefined) terminal.line('no data');
  else {
    terminal.line(terminal.style('bold', heading));
    const isText = typeof data === 'string' && /^text\//i.test(String(attributes['datacontenttype']));
    terminal.line(printable(isText ? data : JSON.stringify(data, null, 2)));
  }
  return EXIT.ok;
}

export async function replayEvents(
  context: CommandContext,
  ids: readonly string[],
  given: object,
): Promise<number> {
  const { lane } = given as ChoiceOptions;
  checkChoice('replay', ids, lane);
  const body = lane === undefined ? { ids: [...ids] } : { lane };
  const { replayed } = await (await connect(context)).call('POST /v1/events/replay', { body });
  const { terminal } = context;
  terminal.result({ replayed });
  terminal.line(`delivering again: ${replayed}`);
  return conclude(terminal, ids, replayed, 'The others are no dead letters.');
}

export async function dropEvents(
  context: CommandContext,
  ids: readonly string[],
  given: object,
): Promise<number> {
  const { lane, state = 'dead', yes } = given as ChoiceOptions;
  checkChoice('drop', ids, lane);
  if (lane === undefined && (given as ChoiceOptions).state !== undefined)
    throw usage('--state is about the events of a lane.', 'Give --lane too, or ids alone.');
  if (lane !== undefined && yes !== true) {
    const which = `every ${state === 'dead' ? 'dead letter' : 'waiting event'} of ${JSON.stringify(lane)}`;
    throw usage(`This removes ${which} for good.`, 'Say --yes if that is what you want.');
  }
  const body = lane === undefined ? { ids: [...ids] } : { lane, state };
  const { dropped } = await (await connect(context)).call('POST /v1/events/drop', { body });
  const { terminal } = context;
  terminal.result({ dropped });
  terminal.line(`removed: ${dropped}`);
  return conclude(terminal, ids, dropped, 'There are no others of these ids.');
}

function checkChoice(verb: string, ids: readonly string[], lane: string | undefined): void {
  if (ids.length > 0 === (lane === undefined)) return;
  const what = lane === undefined ? 'no events are named' : 'both ids and a lane are named';
  throw usage(`Cannot ${verb}: ${what}.`, 'Name events by their ids, or a lane with --lane.');
}

/** Whoever names events wants each of them. */
function conclude(terminal: Terminal, ids: readonly string[], done: number, otherwise: string): number {
  if (done >= new Set(ids).size) return EXIT.ok;
  terminal.note(otherwise);
  return EXIT.refused;
}

function factsOf(detail: EventDetail): [string, string][] {
  const { id, lane, state, attempts, hops, acceptedAt, at, reason } = detail;
  return [
    ['id', id],
    ['lane', lane],
    ['state', state],
    ['attempts', String(attempts)],
    ['hops', String(hops)],
    ['accepted', clock(acceptedAt)],
    [state === 'dead' ? 'died' : 'due', clock(at)],
    ...(reason === null ? [] : [['reason', reason] as [string, string]]),
  ];
}

function printAttempts(terminal: Terminal, { failures }: EventDetail): void {
  if (failures.length === 0) return;
  terminal.line();
  const rows = failures.map(({ attempt, at, reason }) => [String(attempt), clock(at), oneLine(reason)]);
  for (const line of table([['ATTEMPT', 'AT', 'REASON'], ...rows])) terminal.line(line);
}

function printBytes(terminal: Terminal, heading: string, bytes: Buffer): void {
  const isText = isUtf8(bytes);
  terminal.line(terminal.style('bold', isText ? heading : `${heading}, base64`));
  terminal.line(isText ? printable(bytes.toString('utf8')) : bytes.toString('base64'));
}

function rowOf({ id, state, lane, attempts, bytes, acceptedAt, at, reason }: EventRow): string[] {
  return [
    id,
    state,
    oneLine(lane),
    String(attempts),
    String(bytes),
    clock(acceptedAt),
    clock(at),
    oneLine(reason ?? '-'),
  ];
}

/** A text that stays within its line and column. */
function oneLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

function clock(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ');
}
