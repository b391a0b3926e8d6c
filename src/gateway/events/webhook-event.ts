import { createHash } from 'node:crypto';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import { isAttributeText } from '../../cloudevents/index.ts';
import type { WebhookScheme } from '../../manifest/index.ts';
import { parseContentType, parseStrictJson } from '../../validation/index.ts';
import { singleField } from '../guards/credentials.ts';
import type { Validated } from '../stages/stages.ts';
import type { KeyedEvent } from './accept-events.ts';
import { keyOf, platformAttributes } from './platform-attributes.ts';

/** What a provider calls a delivery. Both null where it does not say. */
interface Named {
  readonly id: string | null;
  readonly subject: string | null;
  /** True where the signature covers the id. */
  readonly isSigned: boolean;
}

type Members = Readonly<Record<string, unknown>>;

/**
 * The event of a signed delivery: type `cordon.webhook.<scheme>`, with the provider's id and name for it.
 *
 * A delivery that comes again is known by its id where the signature covers it. GitHub signs the body alone: whoever
 * has seen one delivery can send it again with another `X-GitHub-Delivery` and `X-GitHub-Event`, and the signature
 * holds. So it is known by its body, whatever id it comes with, for as long as the log remembers keys
 * (`eventDuplicateWindowMs`), across restarts. What remains: the same body once more after that time, which a function
 * can only tell by what stands in the body; and that two deliveries of the same bytes within it are one.
 * Errors: CORDON_EVENT_TOO_LARGE, CORDON_EVENT_INVALID, CORDON_CONTENT_TYPE_REFUSED.
 */
export function webhookEvent(validated: Validated, body: Uint8Array, clock: Clock): KeyedEvent {
  if (body.byteLength > LIMITS.eventBytesMax.value) {
    throw new CordonError('CORDON_EVENT_TOO_LARGE', 'The delivery is larger than an event may be.', {
      details: { what: 'data', index: null },
    });
  }
  const { match, head } = validated;
  const scheme = schemeOf(validated);
  const contentType = contentTypeOf(head.fields);
  const digest = createHash('sha256').update(body).digest('hex');
  const { id, subject, isSigned } = nameOf(scheme, head.fields, body);
  const attributes = {
    specversion: '1.0',
    id: id ?? digest,
    source: `/apps/${match.deployment.app}/functions/${match.fn.spec.name}/routes${match.pattern}`,
    type: `cordon.webhook.${scheme}`,
    time: new Date(clock.now()).toISOString(),
    ...(subject === null ? {} : { subject }),
    ...(contentType === null ? {} : { datacontenttype: contentType }),
    ...platformAttributes(validated),
  } as const;
  return {
    event: { attributes, data: body.byteLength === 0 ? null : body },
    key: id !== null && isSigned ? keyOf(scheme, 'id', id) : keyOf(scheme, 'body', digest),
  };
}

function schemeOf({ match }: Validated): WebhookScheme {
  const { auth } = match;
  const name = typeof auth === 'string' ? '' : auth.name;
  const spec = match.deployment.manifest.auth.webhook[name];
  if (spec === undefined) throw new CordonError('CORDON_INTERNAL', 'A route of webhooks without its scheme.');
  return spec.scheme;
}

function nameOf(scheme: WebhookScheme, fields: readonly string[], body: Uint8Array): Named {
  if (scheme === 'github') {
    return {
      id: text(singleField(fields, 'x-github-delivery')),
      subject: text(singleField(fields, 'x-github-event')),
      isSigned: false,
    };
  }
  const members = membersOf(body);
  switch (scheme) {
    case 'standard':
      return { id: text(singleField(fields, 'webhook-id')), subject: text(members['type']), isSigned: true };
    case 'stripe':
      return { id: text(members['id']), subject: text(members['type']), isSigned: true };
    case 'slack':
      return {
        id: text(members['event_id']),
        subject: text(objectOf(members['event'])['type']) ?? text(members['type']),
        isSigned: true,
      };
  }
}

/** Members of a body that is one JSON object, whatever its Content-Type says: that is not signed. */
function membersOf(body: Uint8Array): Members {
  const limits = { depthMax: LIMITS.jsonDepthMax.value, valuesMax: LIMITS.jsonValuesMax.value };
  const parsed = parseStrictJson(body, limits);
  return parsed.ok ? objectOf(parsed.value) : {};
}

/** Null where there is none. Errors: CORDON_CONTENT_TYPE_REFUSED. */
function contentTypeOf(fields: readonly string[]): string | null {
  const value = singleField(fields, 'content-type');
  if (value === null || (parseContentType(value) !== null && isAttributeText(value))) return value;
  throw new CordonError('CORDON_CONTENT_TYPE_REFUSED', 'The Content-Type of the delivery cannot be read.');
}

function objectOf(value: unknown): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {};
}

function text(value: unknown): string | null {
  return typeof value === 'string' && isAttributeText(value) ? value : null;
}
