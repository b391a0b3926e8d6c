import { z } from 'zod';
import type { AccessKeyInfo } from '../../identity/index.ts';
import {
  accessKeyIdSchema,
  accessKeySchema,
  newAccessKeySchema,
  postFormSchema,
  presignSchema,
  signedFormSchema,
  signedUrlSchema,
} from '../access-key-schema.ts';
import { operation } from '../operation.ts';
import { PROJECT } from '../project.ts';

const none = z.strictObject({});

export const ACCESS_KEY_OPERATIONS = [
  operation({
    id: 'createAccessKey',
    method: 'POST',
    path: '/v1/access-keys',
    summary: 'Makes an access key for clients of S3. Its secret is in this answer and never shown again.',
    params: none,
    query: none,
    body: newAccessKeySchema,
    response: accessKeySchema.extend({ secret: z.string().describe('The secret access key.') }),
    status: 201,
    async handler({ services }, { body }) {
      const { info, secret } = await services.accessKeys.create({ project: PROJECT, ...body });
      return { ...viewOf(info), secret: secret.reveal() };
    },
  }),
  operation({
    id: 'listAccessKeys',
    method: 'GET',
    path: '/v1/access-keys',
    summary: 'Lists the access keys, never their secrets. Oldest first.',
    params: none,
    query: none,
    body: null,
    response: z.object({ keys: z.array(accessKeySchema) }),
    async handler({ services }) {
      return { keys: services.accessKeys.list(PROJECT).map(viewOf) };
    },
  }),
  operation({
    id: 'revokeAccessKey',
    method: 'DELETE',
    path: '/v1/access-keys/{key}',
    summary: 'Revokes an access key; requests, URLs and forms that it signed are refused from then on.',
    params: z.strictObject({ key: accessKeyIdSchema }),
    query: none,
    body: null,
    response: accessKeySchema,
    async handler({ services }, { params }) {
      return viewOf(await services.accessKeys.revoke(PROJECT, params.key));
    },
  }),
  operation({
    id: 'presignUrl',
    method: 'POST',
    path: '/v1/presigned-urls',
    summary: 'Signs a URL with which whoever has it can make one request on an object.',
    params: none,
    query: none,
    body: presignSchema,
    response: signedUrlSchema,
    async handler({ services }, { body }) {
      return await services.accessSigner.presign(PROJECT, body);
    },
  }),
  operation({
    id: 'signPostForm',
    method: 'POST',
    path: '/v1/post-forms',
    summary: 'Signs a form with which a browser uploads files.',
    params: none,
    query: none,
    body: postFormSchema,
    response: signedFormSchema,
    async handler({ services }, { body }) {
      const { fields, ...form } = await services.accessSigner.postForm(PROJECT, body);
      return { ...form, fields: fields.map(([name, value]) => ({ name, value })) };
    },
  }),
] as const;

function viewOf({ id, name, buckets, prefix, can, createdAt, expiresAt, usedAt }: AccessKeyInfo) {
  return { id, name, buckets: [...buckets], prefix, can: [...can], createdAt, expiresAt, usedAt };
}
