import { writeFile } from 'node:fs/promises';
import { openApiDocument } from './openapi.ts';

// Writes schema/openapi.json from the table of operations.
await writeFile(
  new URL('../../schema/openapi.json', import.meta.url),
  `${JSON.stringify(openApiDocument(), null, 2)}\n`,
);
