import { pack } from 'tar-stream';
import { CordonError, LIMITS } from '../../contract/index.ts';
import { isPlainPath } from '../archive-format.ts';

/**
 * Packs files into a tar, in the order of their names and without times, owners or links.
 * Errors: CORDON_SOURCE_TOO_LARGE with the packages that take most, CORDON_ARCHIVE_REFUSED.
 */
export async function packFiles(contents: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array> {
  const files = [...contents].toSorted(([a], [b]) => (a < b ? -1 : 1));
  checkSize(files);
  const tar = pack();
  const chunks: Uint8Array[] = [];
  const drained = (async () => {
    for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  })();
  for (const [name, bytes] of files) {
    if (!isPlainPath(name)) {
      throw new CordonError(
        'CORDON_ARCHIVE_REFUSED',
        `The file ${JSON.stringify(name)} has a name that cannot be deployed.`,
        {
          details: { file: name },
        },
      );
    }
    tar.entry(
      { name, mode: 0o644, mtime: new Date(0), type: 'file' },
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    );
  }
  tar.finalize();
  await drained;
  return Buffer.concat(chunks);
}

const LARGEST_SHOWN = 3;

function checkSize(files: readonly (readonly [string, Uint8Array])[]): void {
  const bytes = files.reduce((sum, [, content]) => sum + content.byteLength, 0);
  const bytesMax = LIMITS.sourceBytesMax.value;
  const filesMax = LIMITS.sourceFilesMax.value;
  if (bytes <= bytesMax && files.length <= filesMax) return;
  const shares = new Map<string, number>();
  for (const [name, content] of files) {
    const owner = /^.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(name)?.[1] ?? 'the app itself';
    shares.set(owner, (shares.get(owner) ?? 0) + content.byteLength);
  }
  const largest = [...shares].toSorted(([, a], [, b]) => b - a).slice(0, LARGEST_SHOWN);
  const shown = largest.map(([owner, size]) => `${owner} (${size} bytes)`).join(', ');
  throw new CordonError(
    'CORDON_SOURCE_TOO_LARGE',
    `The source has ${files.length} files and ${bytes} bytes; at most ${filesMax} files and ${bytesMax} bytes can be deployed. Largest: ${shown}.`,
    { details: { files: files.length, filesMax, bytes, bytesMax } },
  );
}
