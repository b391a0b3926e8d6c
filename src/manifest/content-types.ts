/**
 * What browsers run scripts of when they show it: HTML, and every kind of XML, SVG and XHTML among them, as a
 * namespace makes its elements those of HTML (https://mimesniff.spec.whatwg.org/, section 4.6, "scriptable").
 */
const SCRIPTABLE = /^(?:text\/html|(?:text|application)\/xml|[^/]+\/[^/]+\+xml)$/;

/** A content type of a manifest, in lower case: exact, or all of a kind such as `image/*`. */
export const CONTENT_TYPE = /^[a-z0-9!#$&^_.+-]{1,63}\/(?:\*|[a-z0-9!#$&^_.+-]{1,63})$/;

/**
 * Whether a list of a manifest takes a content type (lower case, without parameters); null takes all. A wildcard
 * never covers what browsers run scripts of: who writes `image/*` thinks of pictures, and an SVG would run its
 * script in the origin that serves it. Such a type is taken only where it is named.
 */
export function acceptsContentType(types: readonly string[] | null, type: string): boolean {
  if (types === null || types.includes(type)) return true;
  if (SCRIPTABLE.test(type)) return false;
  return types.includes(`${type.slice(0, type.indexOf('/'))}/*`);
}
