import { CordonError, LIMITS } from '../../contract/index.ts';
import type { CallHandler, CallReply, GuestCall } from '../../instance/index.ts';
import { queryBuilder } from '../../store/index.ts';
import type { Write } from '../../store/index.ts';
import { placeOf } from '../../vault/index.ts';
import { newVersion } from '../contents.ts';
import type { StorageEnvironment } from '../environment.ts';
import { explainTo } from '../explain.ts';
import { allow, deny, grantOf, resourceNameFor, unknownOperation } from '../grant.ts';
import { readArguments } from '../keys.ts';
import type { CallerContext, Capability, Decision } from '../port.ts';
import { serveSession } from '../session.ts';
import { sendArguments } from './contract.ts';
import type { MessageHead } from './contract.ts';

const BATCH_BYTES_MAX = LIMITS.queueBatchBytesMax.value;
const MESSAGE_BYTES_MAX = LIMITS.queueMessageBytesMax.value;
const SECOND_MS = 1000;

/** Sends messages to queues: all of a batch or none, acknowledged when they are durable. */
export class QueueCapability implements Capability {
  readonly name = 'queue';
  readonly #environment: StorageEnvironment;

  constructor(environment: StorageEnvironment) {
    this.#environment = environment;
  }

  decide({ grants }: CallerContext, { binding, operation }: GuestCall): Decision {
    const grant = grantOf(grants.queue, binding);
    const queue = grant?.queue ?? resourceNameFor(binding);
    const resource = `queue:${queue}`;
    if (operation !== 'send') return unknownOperation(resource);
    if (grant?.can.includes('send') === true) return allow(resource, 'queue', binding);
    return deny(resource, 'queue', binding, 'is missing', { queue, can: ['send'] });
  }

  serve(context: CallerContext, call: GuestCall, reply: CallReply): CallHandler {
    const grant = grantOf(context.grants.queue, call.binding);
    if (grant === null) throw new CordonError('CORDON_INTERNAL', 'A call was served that was not allowed.');
    const explain = explainTo(this.#environment.evidence, context, call);
    return serveSession(reply, explain, async (session) => {
      const { messages } = readArguments(sendArguments, 'send', call.args);
      checkSizes(messages);
      const bodies = await session.collect(BATCH_BYTES_MAX, tooManyBytes);
      await this.#send(context, grant.queue, messages, bodies);
      session.answer(null);
    });
  }

  async #send(
    context: CallerContext,
    queue: string,
    messages: readonly MessageHead[],
    bodies: Uint8Array,
  ): Promise<void> {
    const { store, sealer, clock } = this.#environment;
    const { project } = context;
    const now = clock.now();
    const writes: Write[] = [];
    let offset = 0;
    for (const { contentType, bytes, delaySeconds = 0 } of messages) {
      const id = newVersion();
      const body = await sealer.seal(project, queuePlace(queue, id), bodies.subarray(offset, offset + bytes));
      offset += bytes;
      const row = {
        project,
        queue,
        id,
        body,
        content_type: contentType,
        size: bytes,
        sent_at: now,
        visible_at: now + Math.round(delaySeconds * SECOND_MS),
        sender: `${context.app}/${context.function}`,
      };
      writes.push(queryBuilder(store.dialect).insertInto('queue_messages').values(row).compile());
    }
    if (offset !== bodies.byteLength)
      throw new CordonError(
        'CORDON_CALL_INVALID',
        'Cannot send: the bodies do not have the sizes that were said.',
      );
    await store.commit(writes);
  }
}

/** Where the body of a message is sealed. */
export function queuePlace(queue: string, id: string): string {
  return placeOf('queue', queue, id);
}

function checkSizes(messages: readonly MessageHead[]): void {
  const countMax = LIMITS.queueBatchMessagesMax.value;
  if (messages.length > countMax)
    throw new CordonError(
      'CORDON_QUEUE_BATCH_TOO_LARGE',
      `Cannot send ${messages.length} messages at once, at most ${countMax} are allowed.`,
    );
  let total = 0;
  for (const { bytes, delaySeconds = 0 } of messages) {
    total += bytes;
    if (bytes > MESSAGE_BYTES_MAX)
      throw new CordonError(
        'CORDON_QUEUE_MESSAGE_TOO_LARGE',
        `Cannot send a message of ${bytes} bytes, at most ${MESSAGE_BYTES_MAX} are allowed.`,
      );
    if (delaySeconds * SECOND_MS > LIMITS.queueDelayMsMax.value)
      throw new CordonError(
        'CORDON_CALL_INVALID',
        `Cannot delay a message by ${delaySeconds} s, at most ${LIMITS.queueDelayMsMax.value / SECOND_MS} s.`,
      );
  }
  if (total > BATCH_BYTES_MAX) throw tooManyBytes();
}

function tooManyBytes(): CordonError {
  return new CordonError(
    'CORDON_QUEUE_BATCH_TOO_LARGE',
    `Cannot send more than ${BATCH_BYTES_MAX} bytes at once.`,
  );
}
