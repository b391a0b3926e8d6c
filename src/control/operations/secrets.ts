import { z } from 'zod';
import { Secret } from '../../contract/index.ts';
import { operation } from '../operation.ts';
import { PROJECT } from '../project.ts';
import { secretInfoSchema, secretNameSchema, secretValueSchema } from '../schema.ts';

const none = z.strictObject({});
const secretParams = z.strictObject({ secret: secretNameSchema });

export const SECRET_OPERATIONS = [
  operation({
    id: 'listSecrets',
    method: 'GET',
    path: '/v1/secrets',
    summary: 'Lists the secrets, never their values.',
    params: none,
    query: none,
    body: null,
    response: z.object({ secrets: z.array(secretInfoSchema) }),
    async handler({ services }) {
      return { secrets: [...(await services.secrets.list(PROJECT))] };
    },
  }),
  operation({
    id: 'setSecret',
    method: 'PUT',
    path: '/v1/secrets/{secret}',
    summary: 'Makes a secret or replaces its value.',
    params: secretParams,
    query: none,
    body: z.strictObject({ value: secretValueSchema }),
    response: secretInfoSchema,
    async handler({ services }, { params, body }) {
      return services.secrets.set(PROJECT, params.secret, new Secret(body.value));
    },
  }),
  operation({
    id: 'deleteSecret',
    method: 'DELETE',
    path: '/v1/secrets/{secret}',
    summary: 'Deletes a secret; functions that use it fail from then on.',
    params: secretParams,
    query: none,
    body: null,
    response: z.object({ name: z.string() }),
    async handler({ services }, { params }) {
      await services.secrets.delete(PROJECT, params.secret);
      return { name: params.secret };
    },
  }),
] as const;
