import { z } from 'zod';
import { operation } from '../operation.ts';
import { keyRotationSchema } from '../schema.ts';

const none = z.strictObject({});

export const KEY_OPERATIONS = [
  operation({
    id: 'rotateKeys',
    method: 'POST',
    path: '/v1/keys/rotate',
    summary: 'Starts a rotation of the keys in the background, or goes on with one that was interrupted.',
    params: none,
    query: none,
    body: z.strictObject({
      kind: z
        .enum(['data', 'master'])
        .default('data')
        .describe('`data`: a new data key, and all data sealed anew. `master`: a new master key.'),
    }),
    response: keyRotationSchema,
    status: 202,
    async handler({ services }, { body }) {
      return services.keys.start(body.kind);
    },
  }),
  operation({
    id: 'getKeyRotation',
    method: 'GET',
    path: '/v1/keys/rotation',
    summary: 'Shows how far the last rotation of keys is.',
    params: none,
    query: none,
    body: null,
    response: keyRotationSchema,
    async handler({ services }) {
      return services.keys.status();
    },
  }),
] as const;
