import { z } from 'zod';

/**
 * The source archive: an uncompressed tar of plain files, with paths relative to a base folder. The base is
 * the app folder, or the folder of the workspace around it where code of the workspace is bundled too.
 * `.cordon/archive.json` says which, and which package folders are links to others, as pnpm and workspaces
 * make them; the tar itself holds no links. Without it the base is the app folder and there are no links.
 */
export const ARCHIVE_HEAD = '.cordon/archive.json';

/** Names at the top of an archive that are Cordon's own. */
const RESERVED = '.cordon';

export const PATH_BYTES_MAX = 1024;
export const SEGMENT_BYTES_MAX = 255;
export const DEPTH_MAX = 64;
export const LINKS_MAX = 5000;

const path = z.string().refine(isPlainPath);

export const archiveHeadSchema = z.strictObject({
  version: z.literal(1),
  /** App folder relative to the base; empty for the base itself. */
  app: z.union([z.literal(''), path]),
  /** Package folders that are links: from their place to where the package really is. */
  links: z.record(path, path),
});

export type ArchiveHead = z.output<typeof archiveHeadSchema>;

/** True for a relative path in its only spelling: no empty, `.` or `..` segments, no backslashes, no control characters. */
export function isPlainPath(name: string): boolean {
  if (name === '' || Buffer.byteLength(name) > PATH_BYTES_MAX || !name.isWellFormed()) return false;
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (/[\\\u0000-\u001f\u007f\ufffd]/.test(name)) return false;
  const segments = name.split('/');
  return (
    segments.length <= DEPTH_MAX &&
    segments.every(
      (segment) =>
        segment !== '' &&
        segment !== '.' &&
        segment !== '..' &&
        Buffer.byteLength(segment) <= SEGMENT_BYTES_MAX,
    )
  );
}

export function isReserved(name: string): boolean {
  const [top = ''] = name.split('/', 1);
  return top.toLowerCase().startsWith(RESERVED) && name !== ARCHIVE_HEAD;
}

/** True for the folder of a package: `…/node_modules/name` or `…/node_modules/@scope/name`. */
export function isPackageFolder(name: string): boolean {
  return /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@.][^/]*$/.test(name);
}
