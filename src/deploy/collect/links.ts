import { realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Metafile } from 'esbuild';

/**
 * The package folders that were reached through links, as pnpm and workspaces make them: from the place of
 * the link to the real folder, both absolute. esbuild reports real paths only, so the walk that resolved an
 * import is done again.
 */
export async function findLinks(app: string, metafile: Metafile): Promise<Map<string, string>> {
  const links = new Map<string, string>();
  const known = new Map<string, Promise<string | null | undefined>>();
  for (const [input, { imports }] of Object.entries(metafile.inputs)) {
    for (const { original, external } of imports) {
      const name = original === undefined || external === true ? null : packageName(original);
      if (name === null) continue;
      await follow(dirname(resolve(app, input)), name, known, links);
    }
  }
  return links;
}

async function follow(
  from: string,
  name: string,
  known: Map<string, Promise<string | null | undefined>>,
  links: Map<string, string>,
): Promise<void> {
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder, 'node_modules', name);
    const looked = known.get(place) ?? look(place);
    known.set(place, looked);
    const target = await looked;
    if (typeof target === 'string') links.set(place, target);
    if (target !== undefined || folder === dirname(folder)) return;
  }
}

/** Target of a link, null for a folder, undefined for nothing there. */
async function look(place: string): Promise<string | null | undefined> {
  // Any link on the way counts: to the package, to its scope or to the whole `node_modules`.
  const target = await realpath(place).catch(() => undefined);
  return target === place ? null : target;
}

function packageName(specifier: string): string | null {
  return /^(?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~_-][\w.~-]*(?=\/|$)/i.exec(specifier)?.[0] ?? null;
}
