const DOCUMENTS = new Set(
  (
    'png jpg jpeg gif webp bmp tif tiff heic avif ico pdf doc docx xls xlsx ppt pptx odt ods odp rtf txt csv ' +
    'json xml mp3 mp4 m4a mov avi mkv webm wav ogg flac zip gz tar rar 7z eml'
  ).split(' '),
);
/** What a machine runs or a browser renders when it is opened. */
const ACTIVE = new Set(
  (
    'html htm xhtml xht shtml svg svgz js mjs cjs exe com scr pif bat cmd ps1 vbs vbe jse wsf wsh hta lnk msi msp ' +
    'dll cpl jar class sh bash command app apk deb rpm php phtml phar asp aspx jsp jspx cgi pl py rb url scf reg'
  ).split(' '),
);
/** Marks that turn the direction of text, or have no width: `gpj.exe` can be shown as `exe.jpg`. */
const DECEIVING = /[\p{Cc}\u200b\u2028-\u202e\u2060-\u2069\ufeff]/u;

/** Lower-case, without the dot; '' where the name has none. */
export function extensionOf(key: string): string {
  const dot = fileNameOf(key).lastIndexOf('.');
  return dot <= 0
    ? ''
    : fileNameOf(key)
        .slice(dot + 1)
        .toLowerCase();
}

/** How a name hides what it is the name of, or null. */
export function hidingIn(key: string): string | null {
  const name = fileNameOf(key);
  if (DECEIVING.test(key)) return 'characters that cannot be seen';
  if (name !== '' && /[\s.]$/.test(name)) return 'a dot or a blank at the end';
  const parts = name.toLowerCase().split('.').slice(1);
  const last = parts.at(-1) ?? '';
  const before = parts.at(-2)?.trim() ?? '';
  return ACTIVE.has(last) && DOCUMENTS.has(before) ? `.${last} behind .${before}` : null;
}

function fileNameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
