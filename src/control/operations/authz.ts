import { z } from 'zod';
import { LIMITS } from '../../contract/index.ts';
import { operation } from '../operation.ts';
import { nameSchema } from '../schema.ts';

const text = z.string().max(LIMITS.policyTextBytesMax.value);
const texts = z.array(text).max(LIMITS.policyTextsMax.value);

const requestSchema = z.strictObject({
  method: z
    .string()
    .regex(/^[A-Z]{1,16}$/)
    .default('GET'),
  path: z
    .string()
    .max(LIMITS.urlBytesMax.value)
    .regex(/^\/[^?#\\]*$/),
  host: z.string().max(253).nullable().default(null).describe('Without port. Default: one of the app.'),
  auth: text.optional().describe('Kind and name of an authenticator. Default: the one of the route.'),
  subject: text.optional().describe('Name of the caller. Default: empty.'),
  scopes: texts.optional().describe('Scopes of the caller. Default: none.'),
  claims: z
    .record(z.string(), z.union([text, texts, z.int(), z.boolean()]))
    .optional()
    .describe('Claims of the caller. A text is read as the type that the manifest declares.'),
  resource: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Attributes in the place of those that are stored.'),
  address: text.optional().describe('Address of the caller. Default: 127.0.0.1.'),
  secure: z.boolean().optional().describe('Whether it comes over TLS. Default: true.'),
});

const explanationSchema = z.object({
  decision: z.object({
    outcome: z.enum(['allow', 'deny']),
    policies: z.array(z.string()).describe('Ids of those that determined it, or that failed.'),
    reason: z.enum(['policy', 'no policy', 'evaluation error', 'lookup missing']),
    errors: z.array(z.string()),
  }),
  policies: z.array(
    z.object({
      id: z.string(),
      effect: z.enum(['permit', 'forbid']),
      file: z.string(),
      line: z.number(),
      text: z.string(),
    }),
  ),
  evaluated: z.number().describe('Policies that can apply to the action.'),
  principal: z.string().nullable(),
  action: z.string().nullable(),
  resource: z.string().nullable(),
  context: z.record(z.string(), z.unknown()).describe('The part that the policies read.'),
  entities: z.array(z.unknown()).describe("What the policies read of them, in Cedar's JSON."),
});

export const AUTHZ_OPERATIONS = [
  operation({
    id: 'explainAuthorization',
    method: 'POST',
    path: '/v1/apps/{app}/authz/explain',
    summary: 'Says what the policies of an app decide about a request that is described, and why.',
    params: z.strictObject({ app: nameSchema }),
    query: z.strictObject({}),
    body: requestSchema,
    response: explanationSchema,
    async handler({ services }, { params, body }) {
      const { decision, policies, entities, ...seen } = await services.explain(params.app, body);
      return {
        ...seen,
        context: { ...seen.context },
        decision: { ...decision, policies: [...decision.policies], errors: [...decision.errors] },
        policies: policies.map((policy) => ({ ...policy })),
        entities: [...entities],
      };
    },
  }),
] as const;
