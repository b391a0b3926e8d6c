/** Encoded forms shorter than this are not looked for: they would match by chance. */
const FORM_BYTES_MIN = 4;

/**
 * The forms in which a value comes back in an answer: as it is, in base64 at each of its three alignments,
 * in a URL or a form, in JSON and HTML, in hexadecimal. None for a value shorter than four bytes.
 */
export function formsOf(value: string): Buffer[] {
  const bytes = Buffer.from(value);
  if (bytes.byteLength < FORM_BYTES_MIN) return [];
  const hex = bytes.toString('hex');
  const texts = [
    value,
    hex,
    hex.toUpperCase(),
    ...base64Forms(bytes),
    ...urlForms(value),
    ...jsonForms(value),
    ...htmlForms(value),
  ];
  // Fields are Latin-1 where they can be.
  const narrow = /^[\0-\xff]*$/.test(value) ? [Buffer.from(value, 'latin1')] : [];
  return [...[...new Set(texts)].map((text) => Buffer.from(text)), ...narrow].filter(
    (form) => form.byteLength >= FORM_BYTES_MIN,
  );
}

/** For each alignment the characters that depend on the value alone, in both alphabets (RFC 4648). */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const first = Math.ceil((before * 8) / 6);
    const end = Math.floor(((before + bytes.byteLength) * 8) / 6);
    const core = text.slice(first, end);
    return [core, core.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

function urlForms(value: string): string[] {
  const component = encodeURIComponent(value.toWellFormed());
  const form = new URLSearchParams({ v: value }).toString().slice(2);
  const query = new URL(`http://h/?${value.replaceAll('#', '%23')}`).search.slice(1);
  const forms = [component, form, component.replaceAll(/[!'()*~]/g, percent), query];
  return [...forms, ...forms.map((text) => text.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()))];
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function jsonForms(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const ascii = json.replaceAll(/[^\x20-\x7e]/g, unicodeEscape);
  const forms = [json, ascii, ascii.replaceAll(/[<>&'+=]/g, unicodeEscape)];
  return [...forms, ...forms.map((text) => text.replaceAll('/', '\\/'))];
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function htmlForms(value: string): string[] {
  const basic = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const quoted = basic.replaceAll('"', '&quot;');
  return [basic, quoted, quoted.replaceAll("'", '&#39;'), quoted.replaceAll("'", '&#x27;')];
}
