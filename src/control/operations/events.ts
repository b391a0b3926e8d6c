import { z } from 'zod';
import { eventJson, writeBatch, writeCloudEvent } from '../../cloudevents/index.ts';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { EventChoice, EventDetail } from '../../events/index.ts';
import {
  deliveryViewSchema,
  eventDetailSchema,
  eventIdSchema,
  eventIdsSchema,
  eventRecordSchema,
  eventStateSchema,
  laneSchema,
  laneStatusSchema,
} from '../event-schema.ts';
import { operation } from '../operation.ts';
import type { ControlServices } from '../port.ts';
import { PROJECT } from '../project.ts';
import { limitSchema } from '../schema.ts';

const none = z.strictObject({});
const LIMIT_DEFAULT = 100;
const byIds = z.strictObject({ ids: eventIdsSchema });

async function shown({ events }: ControlServices, id: string): Promise<EventDetail> {
  const detail = await events.show(PROJECT, id);
  if (detail === null) throw new CordonError('CORDON_EVENT_UNKNOWN', `There is no event ${id}.`);
  return detail;
}

/** Null: it was done meanwhile, or it is none of this server's. */
async function writable({ events }: ControlServices, id: string): Promise<EventDetail | null> {
  try {
    return await events.show(PROJECT, id);
  } catch (thrown) {
    if (thrown instanceof CordonError && thrown.code === 'CORDON_EVENT_FORGED') return null;
    throw thrown;
  }
}

export const EVENT_OPERATIONS = [
  operation({
    id: 'listEvents',
    method: 'GET',
    path: '/v1/events',
    summary: 'Lists the events that wait and those that nobody could take, oldest first.',
    params: none,
    query: z.strictObject({
      lane: laneSchema.optional(),
      state: eventStateSchema.optional(),
      after: z
        .string()
        .min(1)
        .max(256)
        .optional()
        .describe('Only events after this position: `next` of a list.'),
      limit: limitSchema,
    }),
    body: null,
    response: z.object({
      events: z.array(eventRecordSchema),
      next: z.string().nullable().describe('Position of what follows; null at the end.'),
    }),
    async handler({ services }, { query: { lane, state, after, limit } }) {
      const { events, next } = await services.events.list({
        project: PROJECT,
        ...(lane === undefined ? {} : { lane }),
        ...(state === undefined ? {} : { state }),
        ...(after === undefined ? {} : { after }),
        limit: limit ?? LIMIT_DEFAULT,
      });
      return { events: [...events], next };
    },
  }),
  operation({
    id: 'listEventLanes',
    method: 'GET',
    path: '/v1/event-lanes',
    summary: 'Lists the lanes that hold events, by name, with their counts.',
    params: none,
    query: none,
    body: null,
    response: z.object({ lanes: z.array(laneStatusSchema) }),
    async handler({ services }) {
      const lanes = services.events
        .lanes()
        .filter(({ project }) => project === PROJECT)
        .toSorted((one, other) => (one.lane < other.lane ? -1 : 1));
      return { lanes };
    },
  }),
  operation({
    id: 'showDelivery',
    method: 'GET',
    path: '/v1/delivery',
    summary: 'Shows what is being delivered to which function, and what waits for none.',
    params: none,
    query: none,
    body: null,
    response: deliveryViewSchema,
    async handler({ services }) {
      const { functions, unserved, ...rest } = await services.delivery();
      return {
        ...rest,
        functions: functions.map((fn) => ({ ...fn, lanes: [...fn.lanes] })),
        unserved: [...unserved],
      };
    },
  }),
  operation({
    id: 'showEvent',
    method: 'GET',
    path: '/v1/events/{id}',
    summary: 'Shows an event with its data and its failed attempts.',
    params: z.strictObject({ id: eventIdSchema }),
    query: none,
    body: null,
    response: eventDetailSchema,
    async handler({ services }, { params: { id } }) {
      const detail = await shown(services, id);
      return { ...detail, failures: [...detail.failures], event: eventJson(detail.event) };
    },
  }),
  operation({
    id: 'writeEvent',
    method: 'GET',
    path: '/v1/events/{id}/cloudevent',
    summary: 'Writes an event as CloudEvents 1.0 does over HTTP, in structured or binary mode.',
    params: z.strictObject({ id: eventIdSchema }),
    query: z.strictObject({ mode: z.enum(['structured', 'binary']).optional() }),
    body: null,
    response: z.record(z.string(), z.unknown()),
    mediaTypes: ['application/cloudevents+json', '*/*'],
    async write({ services }, { params: { id }, query: { mode = 'structured' } }) {
      return writeCloudEvent((await shown(services, id)).event, mode);
    },
  }),
  operation({
    id: 'writeEvents',
    method: 'GET',
    path: '/v1/cloudevents',
    summary: 'Writes the events that a list would show, oldest first, as one batch of CloudEvents 1.0.',
    params: none,
    query: z.strictObject({
      lane: laneSchema.optional(),
      state: eventStateSchema.optional(),
      limit: z.coerce.number<number | string>().int().min(1).max(LIMITS.eventBatchMax.value).optional(),
    }),
    body: null,
    response: z.array(z.record(z.string(), z.unknown())),
    mediaTypes: ['application/cloudevents-batch+json'],
    async write({ services }, { query: { lane, state, limit } }) {
      const { events } = await services.events.list({
        project: PROJECT,
        ...(lane === undefined ? {} : { lane }),
        ...(state === undefined ? {} : { state }),
        limit: limit ?? LIMITS.eventBatchMax.value,
      });
      const found = await Promise.all(events.map(({ id }) => writable(services, id)));
      return writeBatch(found.flatMap((detail) => (detail === null ? [] : [detail.event])));
    },
  }),
  operation({
    id: 'replayEvents',
    method: 'POST',
    path: '/v1/events/replay',
    summary: 'Has dead letters delivered again: those that are named, or all of a lane.',
    params: none,
    query: none,
    body: z.union([byIds, z.strictObject({ lane: laneSchema })]),
    response: z.object({ replayed: z.number() }),
    async handler({ services }, { body }) {
      const choice: EventChoice = 'ids' in body ? body : { lane: body.lane, state: 'dead' };
      return { replayed: await services.events.replay(PROJECT, choice) };
    },
  }),
  operation({
    id: 'dropEvents',
    method: 'POST',
    path: '/v1/events/drop',
    summary: 'Removes events for good: those that are named, or all of a lane in a state.',
    params: none,
    query: none,
    body: z.union([byIds, z.strictObject({ lane: laneSchema, state: eventStateSchema })]),
    response: z.object({ dropped: z.number() }),
    async handler({ services }, { body }) {
      return { dropped: await services.events.drop(PROJECT, body) };
    },
  }),
] as const;
