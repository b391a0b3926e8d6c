import type { Known } from './finding.ts';

const AUTHORITY = /^([a-z][a-z0-9+.-]*:)\/\/([^/?#]*)([/?#]?)/i;

/** Schemes that open no connection. */
const LOCAL = /^(?:data|blob|file|about|javascript):/i;

/**
 * The part of a URL up to the last that is known, as `scheme://host/path`; null when the host may be any.
 * `local` for URLs that open no connection.
 */
export function knownUrl({ text, whole }: Known): Known | 'local' | null {
  if (LOCAL.test(text)) return 'local';
  const match = AUTHORITY.exec(text);
  if (match === null) return null;
  const [, scheme = '', authority = '', end = ''] = match;
  // A host of which only the beginning is known may go on.
  if (authority === '' || (end === '' && !whole)) return null;
  if (!whole)
    return { text: `${scheme.toLowerCase()}//${host(authority)}${path(text, match)}`, whole: false };
  try {
    const url = new URL(text);
    return { text: `${url.protocol}//${url.host}${url.pathname}${url.search}`, whole: true };
  } catch {
    return null;
  }
}

function host(authority: string): string {
  return authority.slice(authority.lastIndexOf('@') + 1).toLowerCase();
}

function path(text: string, match: RegExpExecArray): string {
  const rest = text.slice(match[0].length - (match[3] ?? '').length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** What `new URL(path, base)` gives, as far as it is known. */
export function resolveKnown(path: Known, base: Known | null): Known {
  if (base === null || AUTHORITY.test(path.text)) return normal(path);
  const origin = AUTHORITY.exec(base.text);
  if (!base.whole) {
    if (origin === null || origin[3] === '') return { text: '', whole: false };
    // A path that begins at the root replaces all but the host; a protocol-relative one replaces that too.
    if (/^\/[^/\\]/.test(path.text))
      return { text: `${origin[1]}//${origin[2]}${path.text}`, whole: path.whole };
    return {
      text: path.text === '' || path.text.startsWith('/') ? '' : `${origin[1]}//${origin[2]}/`,
      whole: false,
    };
  }
  // Nothing of the path is known: it may be a whole URL.
  if (!path.whole && !/^\/[^/\\]|^[\w.-]+[/?#]|^[?#]/.test(path.text)) return { text: '', whole: false };
  try {
    const url = new URL(path.text, base.text);
    return { text: url.href, whole: path.whole };
  } catch {
    return { text: '', whole: false };
  }
}

function normal(known: Known): Known {
  if (!known.whole) return known;
  try {
    return { text: new URL(known.text).href, whole: true };
  } catch {
    return known;
  }
}
