import { LIMITS } from '../../contract/index.ts';

/** Printable ASCII without a backslash, which browsers take for a slash. */
const PATH = /^\/[\x21-\x5b\x5d-\x7e]*$/;
const OWN_PATHS = /^\/\.cordon(?:[/?]|$)/;

/**
 * A path and query of the same origin to which a login may lead back, or null. It has to be written as a
 * browser would write it: nothing of it may be read as another host, and it leads to nothing of Cordon's own.
 */
export function returnPathOf(text: string): string | null {
  if (text.length > LIMITS.oidcReturnBytesMax.value || !PATH.test(text) || text.startsWith('//')) return null;
  const url = URL.parse(text, 'https://origin.invalid');
  if (url === null || url.origin !== 'https://origin.invalid' || url.hash !== '') return null;
  if (`${url.pathname}${url.search}` !== text || OWN_PATHS.test(text)) return null;
  return text;
}
