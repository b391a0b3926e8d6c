import { z } from 'zod';
import type { RejectedObject } from '../../capability/index.ts';
import { CordonError, LIMITS } from '../../contract/index.ts';
import { operation } from '../operation.ts';
import { PROJECT } from '../project.ts';

const none = z.strictObject({});
const idSchema = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .describe('Id of a rejected object.');
const params = z.strictObject({ id: idSchema });

const rejectedObjectSchema = z.object({
  id: z.string(),
  bucket: z.string(),
  key: z.string(),
  size: z.number().describe('Bytes.'),
  contentType: z.string().nullable().describe('As it was declared.'),
  md5: z.string().nullable().describe('Lower-case hex.'),
  reason: z.string().describe('Why, as a stable word.'),
  note: z.string().describe('What was found.'),
  actor: z.string().describe('Who put it there.'),
  rejectedAt: z.number().describe('Milliseconds since the Unix epoch.'),
});

/** Objects that inspection did not let into their bucket, for operators and nobody else. */
export const REJECTED_OBJECT_OPERATIONS = [
  operation({
    id: 'listRejectedObjects',
    method: 'GET',
    path: '/v1/rejected-objects',
    summary: 'Lists objects that were not let into their bucket. Newest first.',
    params: none,
    query: z.strictObject({
      after: idSchema.optional().describe('Id of the last one of the list before.'),
      limit: z.coerce.number<number | string>().int().min(1).max(LIMITS.rejectedListMax.value).optional(),
    }),
    body: null,
    response: z.object({ objects: z.array(rejectedObjectSchema) }),
    async handler({ services }, { query }) {
      const limit = query.limit ?? LIMITS.rejectedListMax.value;
      const objects = await services.rejectedObjects.list(PROJECT, query.after ?? null, limit);
      return { objects: objects.map(viewOf) };
    },
  }),
  operation({
    id: 'showRejectedObject',
    method: 'GET',
    path: '/v1/rejected-objects/{id}',
    summary: 'Shows one object that was not let into its bucket.',
    params,
    query: none,
    body: null,
    response: rejectedObjectSchema,
    async handler({ services }, { params: { id } }) {
      return viewOf((await services.rejectedObjects.find(PROJECT, id)) ?? unknown(id));
    },
  }),
  operation({
    id: 'readRejectedObject',
    method: 'GET',
    path: '/v1/rejected-objects/{id}/content',
    summary: 'Reads a piece of a rejected object. It stays text, so that nothing on the way opens it.',
    params,
    query: z.strictObject({
      offset: z.coerce.number<number | string>().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
    }),
    body: null,
    response: z.object({ offset: z.number(), base64: z.string().describe('Empty at the end.') }),
    async handler({ services }, { params: { id }, query: { offset = 0 } }) {
      const end = offset + LIMITS.rejectedPieceBytesMax.value;
      const bytes = (await services.rejectedObjects.read(PROJECT, id, offset, end)) ?? unknown(id);
      return { offset, base64: Buffer.from(bytes).toString('base64') };
    },
  }),
  operation({
    id: 'dropRejectedObject',
    method: 'DELETE',
    path: '/v1/rejected-objects/{id}',
    summary: 'Removes a rejected object for good.',
    params,
    query: none,
    body: null,
    response: z.object({ id: z.string() }),
    async handler({ services }, { params: { id } }) {
      if (!(await services.rejectedObjects.delete(PROJECT, id))) unknown(id);
      return { id };
    },
  }),
] as const;

function viewOf(object: RejectedObject): z.output<typeof rejectedObjectSchema> {
  const { id, bucket, key, size, reason, note, actor, detail, rejected } = object;
  const contentType = detail.httpMetadata.contentType ?? null;
  const md5 = detail.checksums.md5 ?? null;
  return { id, bucket, key, size, contentType, md5, reason, note, actor, rejectedAt: rejected };
}

function unknown(id: string): never {
  throw new CordonError('CORDON_UPLOAD_UNKNOWN', `There is no rejected object ${id}.`);
}
