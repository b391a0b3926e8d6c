import { Option } from 'commander';
import { count } from './option-values.ts';
import type { Branch } from './program.ts';

const state = (summary: string): Option =>
  new Option('--state <state>', summary).choices(['waiting', 'dead']);

/** The commands about events that wait, and about those that nobody could take. */
export function addEvents({ group }: Branch): void {
  const events = group('events', 'Look at events that wait, and at dead letters; deliver them again.', [
    'cordon events lanes',
    'cordon events list --state dead',
    'cordon events replay --lane queue:jobs',
  ]);
  const load = async () => import('./commands/events.ts');
  events
    .add('list', 'List events, oldest first.', async () => (await load()).listEvents, [
      'cordon events list --lane queue:jobs',
      'cordon events list --state dead --limit 10 --json',
    ])
    .option('--lane <lane>', 'only of this lane')
    .addOption(state('only those that wait, or only dead letters'))
    .option('--after <position>', 'go on after a list; it says where')
    .option('-n, --limit <count>', 'how many, at most 1000', count, 100);
  events.add('lanes', 'List the lanes that hold events.', async () => (await load()).listLanes, [
    'cordon events lanes',
    'cordon events lanes --json',
  ]);
  events
    .add('show', 'Show an event, its failed attempts and its data.', async () => (await load()).showEvent, [
      'cordon events show evt_0123456789abcdef',
      'cordon events show evt_0123456789abcdef --json',
    ])
    .argument('<id>', 'id of the event in the log');
  events
    .add('replay', 'Deliver dead letters again.', async () => (await load()).replayEvents, [
      'cordon events replay evt_0123456789abcdef',
      'cordon events replay --lane queue:jobs',
    ])
    .argument('[ids...]', 'ids of dead letters')
    .option('--lane <lane>', 'all dead letters of this lane');
  events
    .add('drop', 'Remove events for good.', async () => (await load()).dropEvents, [
      'cordon events drop evt_0123456789abcdef',
      'cordon events drop --lane queue:jobs --state dead --yes',
    ])
    .argument('[ids...]', 'ids of events')
    .option('--lane <lane>', 'all events of this lane in a state')
    .addOption(state('state of the events of the lane (default: dead)'))
    .option('--yes', 'with --lane: remove them without being asked');
}
