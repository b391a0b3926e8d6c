import type { CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { manifestWithFilesIn } from '../source.ts';
import { usage } from '../usage.ts';

/**
 * Prints the OpenAPI document of the app in a folder; asks no server.
 * Errors: those of `manifestWithFilesIn`, CORDON_SCHEMA_INVALID, CORDON_USAGE.
 */
export async function openapi(
  context: CommandContext,
  args: readonly string[],
  given: object,
): Promise<number> {
  const { terminal, surroundings } = context;
  const { url } = given as { readonly url?: string };
  if (url !== undefined && !/^https?:\/\/[^\s?#]+$/.test(url)) {
    throw usage('Cannot use this --url.', 'Give an http or https URL without query and fragment.');
  }
  const manifest = await manifestWithFilesIn(surroundings.cwd, args[0] ?? '.');
  const { openApiOf } = await import('../../validation/index.ts');
  const document = openApiOf(manifest, { url: url ?? null });
  terminal.result(document);
  terminal.line(JSON.stringify(document, null, 2));
  return EXIT.ok;
}
