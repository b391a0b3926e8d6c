import { CordonError, LIMITS, newId } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import type { CloudEvent, EventLog, Lane, NewEvent } from '../../events/index.ts';
import type { Evidence } from '../../evidence/index.ts';
import type { CallHandler, CallReply, FlatHeaders, GuestCall } from '../../instance/index.ts';
import { explainTo } from '../explain.ts';
import { allow, deny, grantOf, unknownOperation } from '../grant.ts';
import { propertyOf, readArguments, textsOf } from '../keys.ts';
import { recordLoop } from '../loops.ts';
import type { CallerContext, Capability, Decision } from '../port.ts';
import { serveSession } from '../session.ts';
import { DATA_TYPES, sendArguments } from './contract.ts';
import type { EventToSend } from './contract.ts';

const SECOND_MS = 1000;
const RESOURCE_CHARACTERS_MAX = 256;
/** Field of an exchange that names the flow of events that it belongs to. Only the platform sets it. */
const FLOW_FIELD = 'x-cordon-flow';
const FLOW = /^[\x21-\x7e]{1,255}$/;
/** What a grant can name at all. */
const TYPE = /^[a-z0-9.]{1,100}$/;

/** A function that takes events of another one. */
export interface PipeConsumer {
  readonly lane: Lane;
  /** Events with one subject are delivered one after the other. */
  readonly ordered: boolean;
}

/** Finds who takes the events of a function: functions of the same deployment, as their sources say. */
export interface PipeDirectory {
  consumers(context: CallerContext, type: string): readonly PipeConsumer[];
}

export interface PipeOptions {
  readonly log: Pick<EventLog, 'accept'>;
  readonly directory: PipeDirectory;
  readonly evidence: Evidence;
  readonly clock: Clock;
}

/** Sends events to the functions of the same deployment that take them, all of one call or none. */
export class PipeCapability implements Capability {
  readonly name = 'pipe';
  readonly #options: PipeOptions;

  constructor(options: PipeOptions) {
    this.#options = options;
  }

  decide({ grants }: CallerContext, { binding, operation, args }: GuestCall): Decision {
    const grant = grantOf(grants.pipe, binding);
    const types = typesIn(args);
    const resource = resourceOf(types);
    if (operation !== 'send') return unknownOperation(resource);
    const granted: readonly string[] = grant?.types ?? [];
    const outside = types.find((type) => !granted.includes(type));
    if (grant !== null && outside === undefined) return allow(resource, 'pipe', binding);
    const asked = outside ?? '';
    const isType = TYPE.test(asked);
    const lacking = isType ? `has no type "${asked}"` : 'has no such type';
    const reason = grant === null ? 'is missing' : lacking;
    const wanted = { types: [...granted, asked] };
    const denial = deny(`pipe:${asked}`, 'pipe', binding, reason, wanted);
    // What is no type can be allowed by nothing.
    return isType ? denial : { ...denial, hint: '' };
  }

  serve(context: CallerContext, call: GuestCall, reply: CallReply): CallHandler {
    const { evidence, log } = this.#options;
    const explain = explainTo(evidence, context, call);
    return serveSession(reply, explain, async (session) => {
      const { events } = readArguments(sendArguments, 'send', call.args);
      checkSizes(events);
      const hops = call.hops + 1;
      if (hops > LIMITS.eventHopsMax.value) {
        recordLoop(evidence, context, call, hops);
        throw new CordonError('CORDON_EVENT_HOPS');
      }
      const data = await session.collect(LIMITS.pipeBatchBytesMax.value, tooManyBytes);
      await log.accept(this.#eventsOf(context, call, events, data));
      session.answer(null);
    });
  }

  /** One for each event and function that takes it. Errors: CORDON_PIPE_NOBODY, CORDON_CALL_INVALID. */
  #eventsOf(
    context: CallerContext,
    call: GuestCall,
    sent: readonly EventToSend[],
    data: Uint8Array,
  ): NewEvent[] {
    const { directory, clock } = this.#options;
    const flow = flowOf(call.requestHeaders ?? []);
    const found: NewEvent[] = [];
    let offset = 0;
    for (const { type, contentType, bytes, subject, id, delaySeconds = 0 } of sent) {
      const consumers = directory.consumers(context, type);
      if (consumers.length === 0)
        throw new CordonError('CORDON_PIPE_NOBODY', `Cannot send: nobody takes the type "${type}".`);
      const eventId = id ?? newId('evt');
      const event: CloudEvent = {
        attributes: {
          specversion: '1.0',
          id: eventId,
          source: `/apps/${context.app}/functions/${context.function}`,
          type,
          time: new Date(clock.now()).toISOString(),
          ...(subject === undefined ? {} : { subject }),
          ...(contentType === null ? {} : { datacontenttype: DATA_TYPES[contentType] }),
          // The id of its first event, unless that is nothing that a field can say.
          cordonflow: flow ?? (FLOW.test(eventId) ? eventId : newId('evt')),
        },
        data: contentType === null ? null : data.subarray(offset, offset + bytes),
      };
      offset += bytes;
      for (const { lane, ordered } of consumers)
        found.push({
          project: context.project,
          lane,
          event,
          key: id ?? null,
          order: ordered ? (subject ?? null) : null,
          hops: call.hops + 1,
          delayMs: Math.round(delaySeconds * SECOND_MS),
        });
    }
    if (offset !== data.byteLength) throw invalid('the data do not have the sizes that were said');
    const countMax = LIMITS.eventBatchMax.value;
    if (found.length > countMax)
      throw invalid(`${found.length} events would be delivered, at most ${countMax} at once`);
    return found;
  }
}

/** The types that a call is about, each once. What cannot be read is refused before anything is sent. */
function typesIn(args: unknown): readonly string[] {
  const events = propertyOf(args, 'events');
  if (!Array.isArray(events)) return [];
  return [...new Set(events.flatMap((event: unknown) => textsOf(event, 'type')))];
}

/** As many types as a record takes. */
function resourceOf(types: readonly string[]): string {
  let resource = `pipe:${types[0] ?? ''}`;
  for (const type of types.slice(1)) {
    if (resource.length + 1 + type.length > RESOURCE_CHARACTERS_MAX) break;
    resource += `,${type}`;
  }
  return resource.slice(0, RESOURCE_CHARACTERS_MAX);
}

/** The flow of what is being handled; null: a new one starts. */
function flowOf(headers: FlatHeaders): string | null {
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const value = headers[index + 1] ?? '';
    if (headers[index]?.toLowerCase() === FLOW_FIELD && FLOW.test(value)) return value;
  }
  return null;
}

function checkSizes(events: readonly EventToSend[]): void {
  const { eventBatchMax, eventBytesMax, eventAttributeBytesMax, eventDelayMsMax } = LIMITS;
  if (events.length > eventBatchMax.value)
    throw invalid(`${events.length} events are more than ${eventBatchMax.value}`);
  for (const { contentType, bytes, subject = '', id = '', delaySeconds = 0 } of events) {
    if (bytes > eventBytesMax.value)
      throw new CordonError(
        'CORDON_EVENT_TOO_LARGE',
        `Cannot send an event of ${bytes} bytes, at most ${eventBytesMax.value} are allowed.`,
      );
    if (contentType === null && bytes > 0) throw invalid('an event without data has data');
    const attributeBytes = Math.max(Buffer.byteLength(subject), Buffer.byteLength(id));
    if (attributeBytes > eventAttributeBytesMax.value)
      throw invalid(`a subject or id has more than ${eventAttributeBytesMax.value} bytes`);
    if (delaySeconds * SECOND_MS > eventDelayMsMax.value)
      throw invalid(`a delay of ${delaySeconds} s is more than ${eventDelayMsMax.value / SECOND_MS} s`);
  }
}

function tooManyBytes(): CordonError {
  const bytesMax = LIMITS.pipeBatchBytesMax.value;
  return new CordonError('CORDON_EVENT_TOO_LARGE', `Cannot send more than ${bytesMax} bytes at once.`);
}

function invalid(reason: string): CordonError {
  return new CordonError('CORDON_CALL_INVALID', `Cannot send: ${reason}.`);
}
