import type { Write } from '../store/index.ts';
import type { LogParts } from './parts.ts';
import type { LaneName } from './lane-name.ts';
import { statement, unhold, type EventHeadRow } from './statements.ts';

/** Deletes events in one commit, if they are still as dead or alive as they were read. Returns how many. */
export async function removeRows(parts: LogParts, rows: readonly EventHeadRow[]): Promise<number> {
  const { store, counts } = parts;
  if (rows.length === 0) return 0;
  const writes: Write[] = rows.map(({ sequence, state }) => {
    // What died or came back meanwhile would be counted wrongly.
    const condition = state === 'dead' ? `state = 'dead'` : `state != 'dead'`;
    return statement(store, `delete from events where sequence = ? and ${condition}`, [sequence]);
  });
  const following = unholds(parts, rows);
  const changes = await store.commit([...writes, ...following.map(({ write }) => write)]);
  let removed = 0;
  for (const [index, { project, lane, state, bytes }] of rows.entries()) {
    if (changes[index] !== 1) continue;
    removed += 1;
    const by = Number(bytes);
    counts.change(
      project,
      lane,
      state === 'dead' ? { dead: -1, deadBytes: -by } : { waiting: -1, waitingBytes: -by },
    );
  }
  parts.listeners.tell(following.filter((_, index) => changes[writes.length + index] === 1));
  return removed;
}

/** Has the next event of an order go on. */
interface Following extends LaneName {
  readonly write: Write;
}

function unholds({ store }: LogParts, rows: readonly EventHeadRow[]): readonly Following[] {
  const writes = new Map<string, Following>();
  for (const { project, lane, order_key: orderKey, state } of rows)
    if (orderKey !== null && state !== 'dead')
      writes.set(JSON.stringify([project, lane, orderKey]), {
        project,
        lane,
        write: unhold(store, project, lane, orderKey),
      });
  return [...writes.values()];
}
