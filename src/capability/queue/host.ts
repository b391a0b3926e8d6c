import { CordonError, LIMITS, newId } from '../../contract/index.ts';
import { queueLane } from '../../events/index.ts';
import type { NewEvent } from '../../events/index.ts';
import type { CallHandler, CallReply, GuestCall } from '../../instance/index.ts';
import type { StorageEnvironment } from '../environment.ts';
import { explainTo } from '../explain.ts';
import { allow, deny, grantOf, resourceNameFor, unknownOperation } from '../grant.ts';
import { readArguments } from '../keys.ts';
import { recordLoop } from '../loops.ts';
import type { CallerContext, Capability, Decision } from '../port.ts';
import { serveSession } from '../session.ts';
import { DATA_TYPES, MESSAGE_TYPE, sendArguments } from './contract.ts';
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
    const { evidence, events } = this.#environment;
    const explain = explainTo(evidence, context, call);
    return serveSession(reply, explain, async (session) => {
      const { messages } = readArguments(sendArguments, 'send', call.args);
      checkSizes(messages);
      const hops = call.hops + 1;
      if (hops > LIMITS.eventHopsMax.value) {
        recordLoop(evidence, context, call, hops);
        throw new CordonError('CORDON_EVENT_HOPS');
      }
      const bodies = await session.collect(BATCH_BYTES_MAX, tooManyBytes);
      await events.accept(this.#eventsOf(context, call, grant.queue, messages, bodies));
      session.answer(null);
    });
  }

  /** Events of the queue's lane, in the order in which they were sent. */
  #eventsOf(
    context: CallerContext,
    call: GuestCall,
    queue: string,
    messages: readonly MessageHead[],
    bodies: Uint8Array,
  ): NewEvent[] {
    const { project, app, function: fn } = context;
    const time = new Date(this.#environment.clock.now()).toISOString();
    const lane = queueLane(queue);
    let offset = 0;
    const events = messages.map(({ contentType, bytes, delaySeconds = 0 }): NewEvent => {
      const data = bodies.subarray(offset, offset + bytes);
      offset += bytes;
      const attributes = {
        specversion: '1.0',
        id: newId('evt'),
        source: `/apps/${app}/functions/${fn}`,
        type: MESSAGE_TYPE,
        time,
        datacontenttype: DATA_TYPES[contentType],
      } as const;
      return {
        project,
        lane,
        event: { attributes, data },
        key: null,
        order: `${app}/${fn}`,
        hops: call.hops + 1,
        delayMs: Math.round(delaySeconds * SECOND_MS),
      };
    });
    if (offset !== bodies.byteLength)
      throw new CordonError(
        'CORDON_CALL_INVALID',
        'Cannot send: the bodies do not have the sizes that were said.',
      );
    return events;
  }
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
