import { z } from 'zod';
import { CordonError } from '../../contract/index.ts';
import { invoke } from '../invoke.ts';
import { operation } from '../operation.ts';
import { invokeBodySchema, invokeResultSchema, nameSchema } from '../schema.ts';

export const INVOKE_OPERATIONS = [
  operation({
    id: 'invokeFunction',
    method: 'POST',
    path: '/v1/apps/{app}/functions/{function}/invoke',
    summary: 'Runs a function of the live deployment and returns its whole response.',
    params: z.strictObject({ app: nameSchema, function: nameSchema }),
    query: z.strictObject({}),
    body: invokeBodySchema,
    response: invokeResultSchema,
    async handler(context, { params, body }) {
      const deployment = context.services.catalogue.app(params.app).live;
      const fn = deployment.functions.find(({ spec }) => spec.name === params.function);
      if (fn === undefined) {
        const names = deployment.functions.map(({ spec }) => spec.name);
        throw new CordonError(
          'CORDON_FUNCTION_UNKNOWN',
          `Cannot invoke ${params.function} of ${params.app}: the app has ${names.join(', ') || 'no functions'}.`,
          { details: { functions: names } },
        );
      }
      return invoke(context, deployment, fn, body);
    },
  }),
  operation({
    id: 'findRoute',
    method: 'GET',
    path: '/v1/route',
    summary: 'Finds the function that a request would reach.',
    params: z.strictObject({}),
    query: z.strictObject({
      path: z
        .string()
        .max(8192)
        .regex(/^\/[^?#\\]*$/),
      method: z
        .string()
        .regex(/^[A-Z]{1,16}$/)
        .default('GET'),
      host: z.string().max(253).default('localhost').describe('Without port.'),
    }),
    body: null,
    response: z.object({ app: z.string(), function: z.string() }),
    async handler(context, { query }) {
      const found = context.services.findRoute(query.method, query.host, query.path);
      if (found !== null) return { app: found.app, function: found.function };
      throw new CordonError(
        'CORDON_ROUTE_UNKNOWN',
        `No route serves ${query.method} ${query.path} on ${query.host}.`,
      );
    },
  }),
] as const;
