import { dirname, relative, sep } from 'node:path';
import { outsideError } from '../build-errors.ts';

/**
 * The folder that paths in the archive are relative to: the app folder, or the nearest folder around it that
 * also holds the packages of its workspace which it imports. Outside of the app folder only packages count:
 * what lies in a `node_modules` of a folder around the app, or where a link in a `node_modules` leads.
 * Errors: CORDON_BUNDLE_FAILED for any other file.
 */
export function chooseBase(
  app: string,
  inputs: readonly string[],
  links: ReadonlyMap<string, string>,
): string {
  const around = ancestors(app);
  const packages = [
    ...around.map((folder) => `${folder === sep ? '' : folder}${sep}node_modules`),
    ...links.values(),
  ];
  for (const input of inputs) {
    if (!isBelow(input, app) && !packages.some((folder) => isBelow(input, folder))) {
      throw outsideError(relative(app, input));
    }
  }
  const needed = [...inputs, ...links.keys(), ...links.values()];
  return around.find((folder) => needed.every((place) => isBelow(place, folder))) ?? sep;
}

function ancestors(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...ancestors(parent)];
}

export function isBelow(place: string, folder: string): boolean {
  return place.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}
