/** An element: its name, and its text or its children. Names are of the program, never of a caller. */
export type XmlElement = readonly [name: string, content: XmlContent];
export type XmlContent = string | number | boolean | readonly XmlElement[];

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** A document of S3. Characters that XML 1.0 cannot hold become U+FFFD. */
export function xmlDocument([name, content]: XmlElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name} xmlns="${NAMESPACE}">${written(content)}</${name}>`;
}

/** The document of an error, which has no namespace. */
export function xmlError(children: readonly XmlElement[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${written(children)}</Error>`;
}

function written(content: XmlContent): string {
  if (typeof content === 'string') return escaped(content);
  if (typeof content !== 'object') return String(content);
  let text = '';
  for (const [name, inner] of content) text += `<${name}>${written(inner)}</${name}>`;
  return text;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  // A parser would make a line feed of it (XML 1.0 section 2.11).
  '\r': '&#13;',
};

function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[&<>"'\r]/g, (character) => ENTITIES[character] ?? '')
    .replace(/[^\t\n\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\u{FFFD}');
}
