import { CordonError } from '../contract/index.ts';
import type { Caller, ClaimValue } from '../identity/port.ts';
import type { AttributeType, Manifest, RouteSpec } from '../manifest/index.ts';
import { denied } from './decide.ts';
import { guardedRoutes } from './guarded-route.ts';
import type { PolicyExplanation, PolicySets, ResourceLookup } from './port.ts';
import { resolveResource } from './resource.ts';

/** Who is to be thought of as the caller. What is not said is empty. */
export interface DescribedCaller {
  /** Kind and name of an authenticator, such as `jwt:customers`. Default: the one of the route. */
  readonly auth?: string | undefined;
  readonly subject?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** A text is read as the type that the manifest declares, and a list of one as well. */
  readonly claims?: Readonly<Record<string, ClaimValue>> | undefined;
}

/** A request that nobody has sent. */
export interface DescribedRequest extends DescribedCaller {
  readonly method: string;
  /** Attributes in the place of those that are stored. */
  readonly resource?: Readonly<Record<string, unknown>> | undefined;
  /** Default: 127.0.0.1. */
  readonly address?: string | undefined;
  /** Default: true. */
  readonly secure?: boolean | undefined;
}

export interface ExplainInput {
  readonly policies: PolicySets;
  readonly manifest: Manifest;
  /** What the router found for the path. */
  readonly route: RouteSpec;
  readonly params: Readonly<Record<string, string>>;
  /** Canonical path. */
  readonly path: string;
  readonly described: DescribedRequest;
  /** Reads what is stored, where the description does not say it. */
  readonly lookup: ResourceLookup;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const KINDS = { jwt: 'user', oidc: 'user', apiKey: 'key', mtls: 'machine', webhook: 'webhook' } as const;
const INTEGER = /^-?\d{1,16}$/;

/**
 * Decides about a described request as the gateway would about a real one, and shows why.
 * Errors: CORDON_INPUT_INVALID where the route has no policies or the caller cannot be one of it.
 */
export async function explainRequest(input: ExplainInput): Promise<PolicyExplanation> {
  const { policies, manifest, route, params, path, described, lookup, now } = input;
  if (route.allow === null) {
    const message = `The route ${route.path} has no policies: whoever its \`auth\` lets in may call it.`;
    throw new CordonError('CORDON_INPUT_INVALID', message);
  }
  const found =
    described.resource === undefined
      ? await resolveResource(route.allow.resource, params, lookup)
      : { ok: true as const, attributes: described.resource };
  const explanation = policies.explain({
    route,
    method: described.method,
    params,
    path,
    caller: callerOf(manifest, route, described),
    address: described.address ?? '127.0.0.1',
    secure: described.secure ?? true,
    now,
    resource: found.ok ? found.attributes : null,
  });
  if (found.ok) return explanation;
  return { ...explanation, decision: denied('evaluation error', [found.reason]), policies: [] };
}

/** The caller that a description means. Errors: CORDON_INPUT_INVALID. */
function callerOf(manifest: Manifest, route: RouteSpec, described: DescribedCaller): Caller {
  const { auth } = route;
  const asked = typeof auth === 'string' ? auth : `${auth.kind}:${auth.name}`;
  if (described.auth !== undefined && described.auth !== asked) {
    const message = `Nobody comes to the route ${route.path} by ${described.auth}: it asks for ${asked}.`;
    throw new CordonError('CORDON_INPUT_INVALID', message);
  }
  if (auth === 'public') return { kind: 'anonymous' };
  if (auth === 'control') return { kind: 'control' };
  const declared = guardedRoutes(manifest).find((guarded) => guarded.route.path === route.path)?.claims ?? {};
  const claims = Object.entries(described.claims ?? {}).map(([name, value]) => {
    const type = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (type !== undefined) return [name, readClaim(type, value)] as const;
    const message = `No policy sees the claim ${name}: \`auth.${auth.kind}.${auth.name}.claims\` does not declare it.`;
    throw new CordonError('CORDON_INPUT_INVALID', message);
  });
  return {
    kind: KINDS[auth.kind],
    authenticator: asked,
    subject: described.subject ?? '',
    credential: 'described',
    scopes: described.scopes ?? [],
    claims: Object.fromEntries(claims),
    expiresAt: null,
  };
}

/** What cannot be read stays as it is, and does not fit then. */
function readClaim(type: AttributeType, value: ClaimValue): ClaimValue {
  if (type === 'strings') return typeof value === 'string' ? [value] : value;
  if (typeof value !== 'string') return value;
  if (type === 'integer' && INTEGER.test(value)) return Number(value);
  if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  return value;
}
