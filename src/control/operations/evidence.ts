import { z } from 'zod';
import type { LogQuery } from '../../evidence/index.ts';
import { followLogs } from '../log-stream.ts';
import { operation } from '../operation.ts';
import { EVENT_KINDS, limitSchema, logFilterShape, logLineSchema, securityEventSchema } from '../schema.ts';

const none = z.strictObject({});
const logFilter = z.strictObject(logFilterShape);
const after = z.coerce.number<number | string>().int().min(0).optional();

/** Leaves out what was not given, as the port wants it. */
export function logQuery(
  input: z.output<typeof logFilter> & { readonly limit?: number | undefined },
): LogQuery {
  return {
    ...(input.app === undefined ? {} : { app: input.app }),
    ...(input.function === undefined ? {} : { function: input.function }),
    ...(input.request === undefined ? {} : { request: input.request }),
    ...(input.instance === undefined ? {} : { instance: input.instance }),
    ...(input.after === undefined ? {} : { after: input.after }),
    ...(input.limit === undefined ? {} : { limit: input.limit }),
  };
}

export const EVIDENCE_OPERATIONS = [
  operation({
    id: 'listLogs',
    method: 'GET',
    path: '/v1/logs',
    summary: 'Lists log lines, oldest first.',
    params: none,
    query: z.strictObject({ ...logFilterShape, limit: limitSchema }),
    body: null,
    response: z.object({ lines: z.array(logLineSchema) }),
    async handler(context, { query }) {
      return { lines: await context.services.evidence.logs(logQuery(query)) };
    },
  }),
  operation({
    id: 'followLogs',
    method: 'GET',
    path: '/v1/logs/stream',
    summary: 'Streams log lines as server-sent events; `after` or Last-Event-ID resumes.',
    params: none,
    query: logFilter,
    body: null,
    response: logLineSchema,
    subscribe(context, { query }, sink) {
      return followLogs(context.services.evidence, logQuery(query), sink);
    },
  }),
  operation({
    id: 'listSecurityEvents',
    method: 'GET',
    path: '/v1/security-events',
    summary: 'Lists security events, oldest first.',
    params: none,
    query: z.strictObject({ after, limit: limitSchema, kind: z.enum(EVENT_KINDS).optional() }),
    body: null,
    response: z.object({ events: z.array(securityEventSchema) }),
    async handler(context, { query }) {
      const events = await context.services.evidence.events({
        ...(query.after === undefined ? {} : { after: query.after }),
        ...(query.limit === undefined ? {} : { limit: query.limit }),
        ...(query.kind === undefined ? {} : { kind: query.kind }),
      });
      return { events: events.map((event) => ({ ...event, detail: { ...event.detail } })) };
    },
  }),
] as const;
