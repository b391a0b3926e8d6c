import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { CommandContext } from '../context.ts';
import { generatedFiles, TYPES_FILE } from '../generated.ts';
import { EXIT } from '../report.ts';
import { manifestIn } from '../source.ts';

/**
 * Writes the types of `env` from the manifest, and the schema of the manifest for editors. With --check it
 * only says whether the types are up to date.
 */
export async function types(
  context: CommandContext,
  args: readonly string[],
  given: object,
): Promise<number> {
  const check = (given as { readonly check?: true }).check === true;
  const { terminal, surroundings } = context;
  const folder = resolve(surroundings.cwd, args[0] ?? '.');
  const files = await generatedFiles(await manifestIn(surroundings.cwd, folder));
  let current = true;
  for (const [path, text] of files) {
    const same = await holds(join(folder, path), text);
    if (path === TYPES_FILE) current = same;
    if (!check && !same) await replace(join(folder, path), text);
  }
  const file = join(folder, TYPES_FILE);
  const shown = relative(surroundings.cwd, file);
  terminal.result({ file, changed: !current, written: !check && !current });
  if (current) terminal.line(`${shown} is up to date`);
  else terminal.line(check ? `${shown} is out of date; run \`cordon types\`` : `wrote ${shown}`);
  return check && !current ? EXIT.refused : EXIT.ok;
}

async function holds(file: string, text: string): Promise<boolean> {
  return (await readFile(file, 'utf8').catch(() => null)) === text;
}

/** Renamed into place, so that an editor never reads half of it. */
async function replace(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}
