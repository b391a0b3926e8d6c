import { CordonError, LIMITS } from '../../contract/index.ts';
import { checkDialect } from '../check-schemas.ts';
import { compileSchema } from '../compile-schema.ts';
import { readParameters, type TextPart } from '../parameters.ts';
import { prepareParsed } from '../prepare-schema.ts';
import type { JsonObject } from './read-document.ts';

/** The schema files of an app that is made. The same schema is one file. */
export class SchemaFiles {
  readonly #byText = new Map<string, string>();
  readonly #paths = new Set<string>();

  /** Path of the file for a schema, or a text that says why it cannot be used for this part of a request. */
  add(
    schema: JsonObject | boolean,
    name: string,
    part: TextPart | 'body',
  ): { path: string } | { reason: string } {
    const text = `${JSON.stringify(schema, null, 2)}\n`;
    try {
      const prepared = prepareParsed(name, schema);
      checkDialect(prepared);
      compileSchema(prepared);
      if (part !== 'body') readParameters(prepared, part);
    } catch (error) {
      if (error instanceof CordonError) return { reason: error.message };
      throw error;
    }
    const known = this.#byText.get(text);
    if (known !== undefined) return { path: known };
    if (this.#byText.size >= LIMITS.manifestFilesMax.value) return { reason: 'the app has too many schemas' };
    if (Buffer.byteLength(text) > LIMITS.manifestFileBytesMax.value) return { reason: 'it is too large' };
    const path = this.#free(name);
    this.#byText.set(text, path);
    return { path };
  }

  all(): [string, string][] {
    return [...this.#byText].map(([text, path]) => [path, text]);
  }

  #free(name: string): string {
    const base = fileName(name);
    let path = `schemas/${base}.json`;
    for (let count = 2; this.#paths.has(path); count++) path = `schemas/${base}-${count}.json`;
    this.#paths.add(path);
    return path;
  }
}

const FILE_NAME_CHARACTERS_MAX = 80;

function fileName(name: string): string {
  const made = name
    .replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '-')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, FILE_NAME_CHARACTERS_MAX);
  return made === '' ? 'schema' : made;
}
