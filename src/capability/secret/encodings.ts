/** Encoded forms shorter than this are not looked for: they would match by chance. */
const FORM_BYTES_MIN = 4;

/**
 * The forms in which a value comes back in an answer: as it is, in base64 at each of its three alignments,
 * in each part of a URL or a form, in JSON, in what the runtime prints and in HTML, in hexadecimal. None for a value shorter than four bytes.
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
  const whole = encodeURI(value.toWellFormed());
  const form = new URLSearchParams({ v: value }).toString().slice(2);
  const query = new URL(`http://h/?${value.replaceAll('#', '%23')}`).search.slice(1);
  const strict = component.replaceAll(/[!'()*~]/g, percent);
  const forms = [component, form, strict, whole, query, ...urlPartForms(value)];
  return [...forms, ...forms.map((text) => text.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()))];
}

/** As credentials, path and fragment: each part of a URL escapes other characters. */
function urlPartForms(value: string): string[] {
  const url = new URL('cordon://host/');
  url.password = value;
  url.pathname = value;
  url.hash = value;
  return [url.password, value.startsWith('/') ? url.pathname : url.pathname.slice(1), url.hash.slice(1)];
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function jsonForms(value: string): string[] {
  const json = escaped(value);
  const ascii = json.replaceAll(/[^\x20-\x7e]/g, unicodeEscape);
  const once = [json, printed(value)];
  // JSON is written into JSON, and printed.
  const twice = once.flatMap((form) => [escaped(form), printed(form)]);
  const forms = [...once, ...twice, ascii, ascii.replaceAll(/[<>&'+=]/g, unicodeEscape)];
  return [...forms, ...forms.map((text) => text.replaceAll('/', '\\/'))];
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** As the runtime prints it inside of an object: in quotes that it does not hold itself, so that they stand as they are. */
function printed(text: string): string {
  return escaped(text).replaceAll('\\"', '"');
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function htmlForms(value: string): string[] {
  const basic = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const quoted = basic.replaceAll('"', '&quot;');
  return [basic, quoted, quoted.replaceAll("'", '&#39;'), quoted.replaceAll("'", '&#x27;')];
}
