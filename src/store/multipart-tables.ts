import type { Kysely } from 'kysely';
import type { Statement, Store } from './port.ts';
import type { Tables } from './tables.ts';

/** Uploads of objects in parts, and the parts that wait to be put together. */
export function createMultipartTables(
  { schema }: Kysely<Tables>,
  dialect: Store['dialect'],
): readonly { compile(): Statement }[] {
  const time = dialect === 'sqlite' ? 'integer' : 'bigint';
  const bytes = dialect === 'sqlite' ? 'blob' : 'bytea';
  return [
    schema
      .createTable('multipart_uploads')
      .addColumn('id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('bucket', 'text', (column) => column.notNull())
      .addColumn('key', 'text', (column) => column.notNull())
      .addColumn('detail', bytes, (column) => column.notNull())
      .addColumn('created_at', time, (column) => column.notNull()),
    schema
      .createIndex('multipart_uploads_key')
      .on('multipart_uploads')
      .columns(['project', 'bucket', 'key', 'id']),
    schema.createIndex('multipart_uploads_created').on('multipart_uploads').column('created_at'),
    schema
      .createTable('multipart_parts')
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('upload', 'text', (column) => column.notNull())
      .addColumn('number', 'integer', (column) => column.notNull())
      .addColumn('version', 'text', (column) => column.notNull())
      .addColumn('value', bytes)
      .addColumn('object', 'text')
      .addColumn('size', time, (column) => column.notNull())
      .addColumn('detail', bytes, (column) => column.notNull())
      .addColumn('uploaded_at', time, (column) => column.notNull())
      .addPrimaryKeyConstraint('multipart_parts_key', ['upload', 'number']),
    schema.createIndex('multipart_parts_object').on('multipart_parts').column('object'),
    schema.createIndex('multipart_parts_version').on('multipart_parts').columns(['project', 'version']),
  ];
}
