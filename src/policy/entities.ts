import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { LIMITS } from '../contract/index.ts';
import type { Caller } from '../identity/port.ts';
import type { AttributeType, Attributes, ResourceSpec, RouteSpec } from '../manifest/index.ts';
import type { CedarRequest, Context, EntityJson, TypeAndId } from './cedar.ts';
import { principalTypeOfCaller, ROUTE_TYPE, type PrincipalType } from './guarded-route.ts';
import { fillPlaceholders } from './placeholders.ts';
import type { PolicyRequest } from './port.ts';
import type { Reads } from './reads.ts';

type Attrs = EntityJson['attrs'];
type Value = Attrs[string];
type Entity = EntityJson & { readonly uid: TypeAndId };

/** What is known of an action before any request. */
export interface ActionFacts {
  readonly uid: TypeAndId;
  readonly groups: readonly TypeAndId[];
  readonly route: RouteSpec;
  readonly principalType: PrincipalType;
  /** Such as `jwt:customers`; null where nobody is identified by one. */
  readonly authenticator: string | null;
  readonly claims: Attributes;
  readonly resource: ResourceSpec | null;
  readonly parameters: readonly string[];
}

/** A request that does not fit into the schema. It is denied: what is left out could be what forbids it. */
class Misfit extends Error {
  override readonly name = 'Misfit';
}

/**
 * The request in Cedar's terms, as far as policies read it: every value has the type that the schema says, and
 * ids are values of JSON and never text of a policy. Errors: Misfit.
 */
export function cedarRequest(action: ActionFacts, reads: Reads, request: PolicyRequest): CedarRequest {
  const principal = principalOf(action, reads, request.caller);
  const resource = resourceOf(action, reads, request);
  const entities = [principal, resource].filter(({ attrs }) => Object.keys(attrs).length > 0);
  if (reads.groups) entities.push({ uid: action.uid, attrs: {}, parents: [...action.groups] });
  return {
    principal: principal.uid,
    action: action.uid,
    resource: resource.uid,
    context: contextOf(action, reads, request),
    entities,
  };
}

function principalOf(action: ActionFacts, { names }: Reads, caller: Caller): Entity {
  const type = principalTypeOfCaller(caller);
  if (type !== action.principalType)
    throw new Misfit(`the caller is a ${type}, and the route is for a ${action.principalType}`);
  if (caller.kind === 'anonymous' || caller.kind === 'control')
    return { uid: { type, id: caller.kind }, attrs: {}, parents: [] };
  const { authenticator, subject, scopes, claims } = caller;
  if (authenticator !== action.authenticator)
    throw new Misfit(
      `the caller is known by ${authenticator}, and the route asks for ${String(action.authenticator)}`,
    );
  const attrs: Attrs = typed(action.claims, names, claims, 'claim');
  if (names.has('authenticator')) attrs['authenticator'] = authenticator;
  if (names.has('subject')) attrs['subject'] = subject;
  if (names.has('scopes') && (type === 'User' || type === 'Key')) attrs['scopes'] = textsOf('scopes', scopes);
  // No name of an authenticator has a slash: two of them never share a caller.
  return { uid: { type, id: `${authenticator}/${textOf('subject', subject)}` }, attrs, parents: [] };
}

function resourceOf(action: ActionFacts, { names }: Reads, request: PolicyRequest): Entity {
  const { resource, route } = action;
  if (resource === null) return { uid: { type: ROUTE_TYPE, id: route.path }, attrs: {}, parents: [] };
  const id = fillPlaceholders(resource.id, request.params, LIMITS.policyTextBytesMax.value);
  if (!id.ok) throw new Misfit(`the id of the ${resource.type} ${id.reason}`);
  const stored = request.resource;
  const attrs = stored === null ? {} : typed(resource.attributes, names, stored, 'attribute');
  return { uid: { type: resource.type, id: id.text }, attrs, parents: [] };
}

const CONTEXT = {
  method: (_action, { method }) => textOf('method', method),
  path: (_action, { path }) => textOf('path', path),
  params: ({ parameters }, { params }) =>
    Object.fromEntries(
      parameters.map((name) => [
        name,
        textOf(`params.${name}`, Object.hasOwn(params, name) ? params[name] : undefined),
      ]),
    ),
  address: (_action, { address }) => ({ __extn: { fn: 'ip', arg: addressOf(address) } }),
  secure: (_action, { secure }) => booleanOf('secure', secure),
  time: (_action, { now }) => integerOf('time', Math.floor(now / 1000)),
} as const satisfies Record<string, (action: ActionFacts, request: PolicyRequest) => Value>;

function contextOf(action: ActionFacts, { names, wholeContext }: Reads, request: PolicyRequest): Context {
  return Object.fromEntries(
    Object.entries(CONTEXT).flatMap(([name, read]) =>
      wholeContext || names.has(name) ? [[name, read(action, request)]] : [],
    ),
  );
}

/** Cedar knows neither zones nor IPv4 addresses inside of IPv6. */
function addressOf(text: string): string {
  const bare = text.replace(/%.*$/, '');
  const version = isIP(bare);
  if (version === 0) throw new Misfit('the address of the caller is none');
  return version === 4 ? bare : ipaddr.process(bare).toString();
}

/** The values that are declared and read. Null and absence are the same; what is not declared, nobody sees. */
function typed(
  declared: Attributes,
  read: ReadonlySet<string>,
  values: Readonly<Record<string, unknown>>,
  what: string,
): Record<string, Value> {
  const found: [string, Value][] = [];
  for (const [name, type] of Object.entries(declared)) {
    if (!read.has(name)) continue;
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value !== undefined && value !== null) found.push([name, READ[type](`${what} ${name}`, value)]);
  }
  return Object.fromEntries(found);
}

const READ: Readonly<Record<AttributeType, (what: string, value: unknown) => Value>> = {
  string: textOf,
  strings: textsOf,
  integer: integerOf,
  boolean: booleanOf,
};

function textOf(what: string, value: unknown): string {
  const bytesMax = LIMITS.policyTextBytesMax.value;
  if (typeof value !== 'string') throw new Misfit(`the ${what} is not a text`);
  // The engine would replace what is not well-formed, so that two texts become one.
  if (!value.isWellFormed()) throw new Misfit(`the ${what} is not well-formed text`);
  if (Buffer.byteLength(value) > bytesMax) throw new Misfit(`the ${what} is longer than ${bytesMax} bytes`);
  return value;
}

function textsOf(what: string, value: unknown): string[] {
  const countMax = LIMITS.policyTextsMax.value;
  if (!Array.isArray(value)) throw new Misfit(`the ${what} is not a list of texts`);
  if (value.length > countMax) throw new Misfit(`the ${what} holds more than ${countMax} texts`);
  return value.map((item: unknown) => textOf(`item of ${what}`, item));
}

function integerOf(what: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new Misfit(`the ${what} is not a whole number of at most 2^53 - 1`);
}

function booleanOf(what: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new Misfit(`the ${what} is neither true nor false`);
}
