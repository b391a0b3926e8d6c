import { LIMITS } from '../contract/index.ts';
import { plainText } from '../evidence/index.ts';
import { placeOf } from '../vault/index.ts';
import { openOrNull } from './envelope.ts';
import type { EventDetail } from './port.ts';
import type { EventSealer } from './signing-keys.ts';
import type { EventHeadRow } from './statements.ts';

type Failure = EventDetail['failures'][number];
type FailedRow = Pick<EventHeadRow, 'project' | 'lane' | 'id' | 'failures'>;

/** What stands for failures that do not open, so that they hide no event. */
const UNREADABLE: Failure = { at: 0, attempt: 0, reason: '[cannot be opened]' };

/** Why attempts failed, as rows keep it: sealed, as reasons may quote what code said. */
export class FailureRecords {
  readonly #sealer: EventSealer;

  constructor(sealer: EventSealer) {
    this.#sealer = sealer;
  }

  /** Oldest first. Errors: those of the vault, but for what the row is to blame for. */
  async read({ project, lane, id, failures }: FailedRow): Promise<readonly Failure[]> {
    if (failures === null) return [];
    const opened = await openOrNull(() => this.#sealer.open(project, failuresPlace(lane, id), failures));
    if (opened === null) return [UNREADABLE];
    const bytes = Buffer.from(opened.buffer, opened.byteOffset, opened.byteLength);
    return JSON.parse(bytes.toString()) as readonly Failure[];
  }

  /** The sealed failures of a row, with one more. */
  async add(row: FailedRow, { at, attempt, reason }: Failure): Promise<Uint8Array> {
    const last = { at, attempt, reason: plainText(reason, LIMITS.eventReasonBytesMax.value) };
    const kept = [...(await this.read(row)), last].slice(-LIMITS.eventAttemptsKept.value);
    const text = Buffer.from(JSON.stringify(kept));
    return this.#sealer.seal(row.project, failuresPlace(row.lane, row.id), text);
  }
}

export function failuresPlace(lane: string, id: string): string {
  return placeOf('event-failures', lane, id);
}
