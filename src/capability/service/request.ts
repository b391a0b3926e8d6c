import { CordonError, LIMITS, newId } from '../../contract/index.ts';
import { HOPS_FIELD, hopsOf } from '../../instance/index.ts';
import type { ExchangeRequest, FlatHeaders, GuestCall } from '../../instance/index.ts';
import { readArguments } from '../keys.ts';
import type { CallerContext } from '../port.ts';
import { fetchArguments } from './contract.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;
const METHOD = /^[A-Z]{1,32}$/;
// RFC 9110 section 5.5: no CR, LF, NUL or other control but HTAB, nothing past one byte.
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const CALLER = 'x-cordon-caller';
/** How many functions have called each other, ending with this one. */
const CALLS = 'x-cordon-calls';
/** Fields that are new with each call. */
const NEW: ReadonlySet<string> = new Set([CALLER, CALLS, HOPS_FIELD]);
/** Fields that the platform makes. Underscores count as hyphens: frameworks that map both to one name must not be fooled. */
const PLATFORM_MADE = /^x[-_]cordon[-_]/i;
/** Of one connection, or about the framing that the channel has instead. */
const DROPPED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
]);

/**
 * The request that a function makes of another: what code gave, checked, and who calls for whom, which code
 * cannot say. Errors: CORDON_CALL_INVALID, CORDON_SERVICE_REQUEST_INVALID, CORDON_SERVICE_HOPS, CORDON_EVENT_HOPS.
 */
export function readServiceRequest(context: CallerContext, call: GuestCall): ExchangeRequest {
  const { method, url, headers, body } = readArguments(fetchArguments, 'call a function', call.args);
  // Without the request that it is for, nobody could say who the end user is or how long the chain is.
  if (call.request === null || call.requestHeaders === undefined)
    throw invalid('it is not made while a request is served');
  if (!METHOD.test(method)) throw invalid('its method is not usable');
  const inherited = call.requestHeaders;
  // Whose request it is, the guest says: the number of calls tells its author of a circle, the hops are what ends it.
  const calls = hopsOf(inherited, CALLS) + 1;
  if (calls > LIMITS.serviceHopsMax.value)
    throw new CordonError(
      'CORDON_SERVICE_HOPS',
      `Cannot call a function: ${calls} would call each other in a chain, at most ${LIMITS.serviceHopsMax.value} are allowed.`,
    );
  const hops = call.hops + 1;
  if (hops > LIMITS.eventHopsMax.value) throw new CordonError('CORDON_EVENT_HOPS');
  return {
    // The same id: one search finds the lines of the whole chain.
    id: call.request ?? newId('req'),
    method,
    url: readUrl(url),
    headers: [
      ...readHeaders(headers),
      ...platformMade(inherited),
      CALLER,
      `${context.app}/${context.function}`,
      CALLS,
      String(calls),
      HOPS_FIELD,
      String(hops),
    ],
    webSocket: false,
    body: null,
    streams: body,
  };
}

/** Answers of functions say nothing in the platform's name. */
export function readAnswerHeaders(headers: FlatHeaders): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (!PLATFORM_MADE.test(name)) kept.push(name, headers[index + 1] ?? '');
  }
  return kept;
}

function readUrl(text: string): string {
  if (Buffer.byteLength(text) > LIMITS.urlBytesMax.value) throw invalid('its URL is too long');
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw invalid('its URL is not an absolute http or https URL');
  if (url.username !== '' || url.password !== '') throw invalid('its URL holds credentials');
  url.hash = '';
  return url.href;
}

function readHeaders(headers: readonly string[]): string[] {
  if (headers.length % 2 !== 0) throw invalid('its headers are malformed');
  if (headers.length > LIMITS.headersCountMax.value * 2) throw invalid('it has too many headers');
  const kept: string[] = [];
  let bytes = 0;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = headers[index + 1] ?? '';
    bytes += name.length + value.length;
    if (bytes > LIMITS.headersBytesMax.value) throw invalid('its headers are too large');
    if (!TOKEN.test(name) || !VALUE.test(value)) throw invalid('its headers are malformed');
    if (!PLATFORM_MADE.test(name) && !DROPPED.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}

/** What the platform said of the end user, handed on. The caller and the hops are new with each hop. */
function platformMade(headers: FlatHeaders): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = (headers[index] ?? '').toLowerCase();
    if (PLATFORM_MADE.test(name) && !NEW.has(name)) kept.push(name, headers[index + 1] ?? '');
  }
  return kept;
}

function invalid(reason: string): CordonError {
  return new CordonError('CORDON_SERVICE_REQUEST_INVALID', `Cannot send the request: ${reason}.`);
}
