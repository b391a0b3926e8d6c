import { readFile, rename, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { typesOf } from '../../manifest/index.ts';
import type { CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { manifestIn } from '../source.ts';

const FILE = 'cordon.d.ts';

/** Writes the types of `env` from the manifest; with --check it only says whether they are up to date. */
export async function types(
  context: CommandContext,
  args: readonly string[],
  given: object,
): Promise<number> {
  const check = (given as { readonly check?: true }).check === true;
  const { terminal, surroundings } = context;
  const folder = resolve(surroundings.cwd, args[0] ?? '.');
  const text = typesOf(await manifestIn(surroundings.cwd, folder));
  const file = join(folder, FILE);
  const shown = relative(surroundings.cwd, file);
  const before = await readFile(file, 'utf8').catch(() => null);
  const current = before === text;
  if (!check && !current) {
    // Renamed into place, so that an editor never reads half of it.
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  }
  terminal.result({ file, changed: !current, written: !check && !current });
  if (current) terminal.line(`${shown} is up to date`);
  else terminal.line(check ? `${shown} is out of date; run \`cordon types\`` : `wrote ${shown}`);
  return check && !current ? EXIT.refused : EXIT.ok;
}
