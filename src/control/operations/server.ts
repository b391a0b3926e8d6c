import { z } from 'zod';
import { operation } from '../operation.ts';
import { statusSchema } from '../schema.ts';

const none = z.strictObject({});

export const SERVER_OPERATIONS = [
  operation({
    id: 'health',
    method: 'GET',
    path: '/v1/health',
    summary: 'Says that the server is up. Needs no token.',
    access: 'public',
    params: none,
    query: none,
    body: null,
    response: z.object({ status: z.literal('ok'), server: z.literal('cordon') }),
    async handler() {
      return { status: 'ok' as const, server: 'cordon' as const };
    },
  }),
  operation({
    id: 'openApi',
    method: 'GET',
    path: '/v1/openapi.json',
    summary: 'This API as an OpenAPI 3.1 document.',
    params: none,
    query: none,
    body: null,
    response: z.record(z.string(), z.unknown()),
    async handler(context) {
      return context.document();
    },
  }),
  operation({
    id: 'status',
    method: 'GET',
    path: '/v1/status',
    summary: 'Shows the pool, the instances and the versions.',
    params: none,
    query: none,
    body: null,
    response: statusSchema,
    async handler(context) {
      return context.services.status();
    },
  }),
] as const;
