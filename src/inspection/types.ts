import { acceptsContentType } from '../manifest/index.ts';
import { supportedMimeTypes } from 'file-type';

/** Types by extension, where an extension says so much. The first is the one that a text of this name has. */
const BY_EXTENSION: Readonly<Record<string, readonly string[]>> = {
  ...one('image/', 'png gif webp bmp avif jxl'),
  ...one('audio/', 'aac flac midi amr'),
  ...one('video/', 'webm mpeg'),
  ...one('font/', 'woff woff2 ttf otf'),
  ...one('application/', 'pdf zip wasm rtf'),
  ...one('text/', 'csv html'),
  jpg: ['image/jpeg'],
  jpeg: ['image/jpeg'],
  apng: ['image/png'],
  tif: ['image/tiff'],
  tiff: ['image/tiff'],
  heic: ['image/heic', 'image/heif', 'image/heic-sequence', 'image/heif-sequence'],
  heif: ['image/heif', 'image/heic', 'image/heic-sequence', 'image/heif-sequence'],
  ico: ['image/vnd.microsoft.icon', 'image/png'],
  svg: ['image/svg+xml'],
  psd: ['image/vnd.adobe.photoshop'],
  htm: ['text/html'],
  xhtml: ['text/html'],
  mp3: ['audio/mpeg'],
  wav: ['audio/wav'],
  ogg: ['audio/ogg', 'video/ogg', 'application/ogg'],
  m4a: ['audio/mp4', 'video/mp4'],
  mp4: ['video/mp4', 'video/quicktime', 'video/x-m4v', 'audio/mp4'],
  m4v: ['video/x-m4v', 'video/mp4'],
  mov: ['video/quicktime', 'video/mp4'],
  avi: ['video/vnd.avi'],
  mkv: ['video/matroska', 'video/webm'],
  gz: ['application/gzip'],
  tgz: ['application/gzip'],
  tar: ['application/x-tar'],
  rar: ['application/x-rar-compressed'],
  '7z': ['application/x-7z-compressed'],
  bz2: ['application/x-bzip2'],
  xz: ['application/x-xz'],
  zst: ['application/zstd'],
  jar: ['application/java-archive', 'application/zip'],
  apk: ['application/vnd.android.package-archive', 'application/java-archive', 'application/zip'],
  epub: ['application/epub+zip'],
  docx: ['application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  xlsx: ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
  pptx: ['application/vnd.openxmlformats-officedocument.presentationml.presentation'],
  odt: ['application/vnd.oasis.opendocument.text'],
  ods: ['application/vnd.oasis.opendocument.spreadsheet'],
  odp: ['application/vnd.oasis.opendocument.presentation'],
  doc: ['application/x-cfb', 'application/rtf'],
  xls: ['application/x-cfb'],
  ppt: ['application/x-cfb'],
  exe: ['application/x-msdownload'],
  dll: ['application/x-msdownload'],
  txt: ['text/plain'],
  log: ['text/plain'],
  // Often it starts with a tag or a comment; its type is then what a browser would make of it.
  md: ['text/markdown', 'text/plain', 'text/html'],
  json: ['application/json', 'text/plain'],
  ndjson: ['application/x-ndjson', 'text/plain'],
  jsonl: ['application/x-ndjson', 'text/plain'],
  xml: ['application/xml', 'text/plain'],
  yaml: ['application/yaml', 'text/plain'],
  yml: ['application/yaml', 'text/plain'],
  toml: ['application/toml', 'text/plain'],
  tsv: ['text/tab-separated-values', 'text/plain'],
  css: ['text/css', 'text/plain'],
  js: ['text/javascript', 'text/plain'],
  mjs: ['text/javascript', 'text/plain'],
  ics: ['text/calendar'],
  vcf: ['text/vcard'],
  vtt: ['text/vtt', 'text/plain'],
};
const ALIASES: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'image/pjpeg': 'image/jpeg',
  'image/apng': 'image/png',
  'image/x-png': 'image/png',
  'image/x-icon': 'image/vnd.microsoft.icon',
  'image/x-ms-bmp': 'image/bmp',
  'image/svg': 'image/svg+xml',
  'application/x-pdf': 'application/pdf',
  'application/x-zip-compressed': 'application/zip',
  'application/x-zip': 'application/zip',
  'application/x-gzip': 'application/gzip',
  'application/x-gtar': 'application/x-tar',
  'application/x-compressed-tar': 'application/gzip',
  'application/vnd.rar': 'application/x-rar-compressed',
  'application/x-javascript': 'text/javascript',
  'application/javascript': 'text/javascript',
  'application/x-yaml': 'application/yaml',
  'application/xhtml+xml': 'text/html',
  'application/vnd.ms-excel': 'application/x-cfb',
  'application/msword': 'application/x-cfb',
  'application/vnd.ms-powerpoint': 'application/x-cfb',
  'application/vnd.microsoft.portable-executable': 'application/x-msdownload',
  'text/xml': 'application/xml',
  'text/rtf': 'application/rtf',
  'text/yaml': 'application/yaml',
  'text/x-markdown': 'text/markdown',
  'audio/mp3': 'audio/mpeg',
  'audio/x-wav': 'audio/wav',
  'audio/wave': 'audio/wav',
  'audio/vnd.wave': 'audio/wav',
  'audio/x-m4a': 'audio/mp4',
  'audio/x-flac': 'audio/flac',
  'video/avi': 'video/vnd.avi',
  'video/x-msvideo': 'video/vnd.avi',
  'video/x-matroska': 'video/matroska',
};
/** Text that is no `text/…`, as far as bytes tell. */
const TEXTS =
  /^(?:text\/(?!html)|application\/(?:json|[\w.-]+\+json|xml|[\w.-]+\+xml|x-ndjson|yaml|toml|sql|graphql|x-sh)$)/;
const UNTOLD = new Set(['', 'application/octet-stream', 'binary/octet-stream']);
/** Archives that only their own programs unpack. */
const CLOSED = new Set([
  ...[
    'application/x-7z-compressed',
    'application/x-rar-compressed',
    'application/x-bzip2',
    'application/x-xz',
  ],
  ...[
    'application/zstd',
    'application/x-lz4',
    'application/lzip',
    'application/x-compress',
    'application/x-arj',
  ],
  ...['application/vnd.ms-cab-compressed', 'application/x-iso9660-image', 'application/x-apple-diskimage'],
  ...['application/x-deb', 'application/x-rpm', 'application/x-unix-archive', 'application/x-cpio'],
  ...['application/x-ace-compressed', 'application/x-lzh-compressed'],
]);

/** Lower-case, without parameters, one name for each type; null where nothing is told by it. */
export function canonicalType(declared: string | null): string | null {
  const [essence = ''] = (declared ?? '').toLowerCase().split(';');
  const type = essence.trim();
  return UNTOLD.has(type) ? null : (ALIASES[type] ?? type);
}

/** Whether bytes of the type `sniffed` may go under an extension. */
export function suitsExtension(sniffed: string, extension: string): boolean {
  const types = Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined;
  if (types === undefined) return true;
  return types.includes(sniffed) || (sniffed === 'text/plain' && types.some((type) => TEXTS.test(type)));
}

/** Whether bytes of the type `sniffed` may be declared as what `canonicalType` gives. */
export function suitsDeclared(sniffed: string, declared: string): boolean {
  if (declared === sniffed) return true;
  if (sniffed === 'text/html') return declared === 'text/markdown';
  if (sniffed === 'text/plain') return TEXTS.test(declared) || !isTold(declared);
  if (sniffed === 'application/xml')
    return TEXTS.test(declared) || (declared.endsWith('+xml') && !isTold(declared));
  if (sniffed === 'application/octet-stream') return !isTold(declared);
  if (sniffed === 'application/zip') return declared.endsWith('+zip') && !isTold(declared);
  const kin = Object.values(BY_EXTENSION).filter((types) => types.includes(declared));
  return kin.some((types) => types.includes(sniffed)) || (TEXTS.test(sniffed) && declared === 'text/plain');
}

/** The type that an object has: what its bytes say, and of a text what it is declared or named as. */
export function settledType(sniffed: string, declared: string | null, extension: string): string {
  if (sniffed !== 'text/plain') return sniffed;
  if (declared !== null && TEXTS.test(declared)) return declared;
  const [named = sniffed] = Object.hasOwn(BY_EXTENSION, extension) ? (BY_EXTENSION[extension] ?? []) : [];
  return TEXTS.test(named) ? named : sniffed;
}

/** Whether a list takes a type, however the list spells it; a wildcard never covers what browsers run scripts of. */
export function isAmong(type: string, types: readonly string[] | null): boolean {
  if (types === null || types.includes(type)) return true;
  return acceptsContentType(
    types.map((wanted) => canonicalType(wanted) ?? wanted.toLowerCase()),
    type,
  );
}

/** An archive whose entries cannot be looked at here. */
export function isClosedArchive(type: string): boolean {
  return CLOSED.has(type);
}

/** A type that the bytes of a file would have told. */
function isTold(type: string): boolean {
  return supportedMimeTypes.has(type) || ['text/html', 'image/svg+xml', 'application/xml'].includes(type);
}

function one(major: string, minors: string): Record<string, readonly string[]> {
  return Object.fromEntries(minors.split(' ').map((minor) => [minor, [major + minor]]));
}
