import type { Manifest } from '../manifest/index.ts';
import type { AttributeType, Attributes } from '../manifest/index.ts';
import { cedar, type CedarEngine, type SchemaJson, type SchemaType } from './cedar.ts';
import {
  actionGroups,
  actionId,
  guardedRoutes,
  methodsOf,
  parametersOf,
  principalTypeOf,
  resourceTypeOf,
  ROUTE_TYPE,
  type GuardedRoute,
} from './guarded-route.ts';
import { manifestProblem, policyError, type PolicyProblem } from './problem.ts';

/** What is in a schema of Cedar that has no namespaces. */
export type PolicySchema = {
  readonly '': {
    entityTypes: SchemaJson['']['entityTypes'];
    actions: SchemaJson['']['actions'];
  };
};

const STRING: SchemaType = { type: 'String' };
const STRINGS: SchemaType = { type: 'Set', element: { type: 'String' } };
const TYPES: Readonly<Record<AttributeType, SchemaType>> = {
  string: STRING,
  strings: STRINGS,
  integer: { type: 'Long' },
  boolean: { type: 'Boolean' },
};
const CALLER = { authenticator: STRING, subject: STRING } as const;
/** Attributes of every user. A claim cannot have their names. */
const USER = { ...CALLER, scopes: STRINGS } as const;
/** Names of Cedar and of this schema; a resource cannot have them. */
const TYPES_TAKEN: ReadonlySet<string> = new Set([
  ...['User', 'Key', 'Machine', 'Webhook', 'Anonymous', 'Operator', 'Action', ROUTE_TYPE],
  ...['Bool', 'Boolean', 'Entity', 'EntityOrCommon', 'Extension', 'Long', 'Record', 'Set', 'String'],
]);
const GROUPS = ['read', 'write'];

/**
 * The Cedar schema of an app, in Cedar's JSON: what policies of its routes may ask for.
 * Errors: CORDON_POLICY_INVALID where what the manifest declares cannot be one schema.
 */
export function policySchema(manifest: Manifest): PolicySchema {
  return schemaOf(guardedRoutes(manifest));
}

/** The same for people, in Cedar's own syntax; empty where no route has policies. Errors: as `policySchema`. */
export function policySchemaText(manifest: Manifest): string {
  const routes = guardedRoutes(manifest);
  return routes.length === 0 ? '' : cedar().schemaText(usableSchema(cedar(), routes));
}

/** The schema of some routes, which Cedar has taken. Errors: CORDON_POLICY_INVALID. */
export function usableSchema(engine: CedarEngine, routes: readonly GuardedRoute[]): PolicySchema {
  const schema = schemaOf(routes);
  const problem = engine.schemaProblem(schema);
  if (problem === null) return schema;
  throw policyError([manifestProblem(problem, 'choose other names in the manifest')]);
}

/** The schema of some routes of an app: actions of other routes are not in it. */
export function schemaOf(routes: readonly GuardedRoute[]): PolicySchema {
  const claims = new Declared('claim');
  const resources = new Map<string, Declared>();
  const problems: PolicyProblem[] = [];
  for (const { route, allow, claims: declared, function: name } of routes) {
    if (GROUPS.includes(name)) problems.push(nameTaken(`function \`${name}\``, 'a group of actions'));
    const { auth } = route;
    if (typeof auth !== 'string') problems.push(...claims.add(declared, `auth.${auth.kind}.${auth.name}`));
    if (allow.resource === null) continue;
    const { type, attributes } = allow.resource;
    if (TYPES_TAKEN.has(type))
      problems.push(nameTaken(`resource type \`${type}\``, 'a type of Cordon or Cedar'));
    const known = resources.get(type) ?? new Declared(`attribute of ${type}`);
    resources.set(type, known);
    problems.push(...known.add(attributes, `the route ${route.path}`));
  }
  for (const name of Object.keys(USER).filter((name) => claims.types.has(name)))
    problems.push(nameTaken(`claim \`${name}\``, 'what every user has'));
  if (problems.length > 0) throw policyError(problems);
  return { '': { entityTypes: entityTypesOf(claims, resources), actions: actionsOf(routes) } };
}

/** Attributes that several places declare. They have to agree, as policies see one type. */
class Declared {
  readonly types = new Map<string, { readonly type: AttributeType; readonly place: string }>();
  readonly #what: string;

  constructor(what: string) {
    this.#what = what;
  }

  add(attributes: Attributes, place: string): PolicyProblem[] {
    return Object.entries(attributes).flatMap(([name, type]) => {
      const before = this.types.get(name);
      if (before === undefined) this.types.set(name, { type, place });
      if (before === undefined || before.type === type) return [];
      const message = `the ${this.#what} \`${name}\` is ${before.type} in ${before.place} and ${type} in ${place}`;
      return [manifestProblem(message, 'policies see one type, so give it the same type in both')];
    });
  }

  optional(): Record<string, SchemaType & { required: false }> {
    return Object.fromEntries(
      [...this.types].map(([name, { type }]) => [name, { ...TYPES[type], required: false as const }]),
    );
  }
}

function nameTaken(what: string, by: string): PolicyProblem {
  return manifestProblem(`the name of the ${what} is taken by ${by} in policies`, 'choose another name');
}

function entityTypesOf(
  claims: Declared,
  resources: ReadonlyMap<string, Declared>,
): PolicySchema['']['entityTypes'] {
  const shaped = (attributes: Record<string, SchemaType>) => ({
    shape: { type: 'Record' as const, attributes },
  });
  return {
    User: shaped({ ...USER, ...claims.optional() }),
    Key: shaped({ ...CALLER, scopes: STRINGS }),
    Machine: shaped(CALLER),
    Webhook: shaped(CALLER),
    Anonymous: {},
    Operator: {},
    [ROUTE_TYPE]: {},
    ...Object.fromEntries([...resources].map(([type, declared]) => [type, shaped(declared.optional())])),
  };
}

function actionsOf(routes: readonly GuardedRoute[]): PolicySchema['']['actions'] {
  const groups = new Set<string>();
  const actions: PolicySchema['']['actions'] = {};
  for (const guarded of routes) {
    const { route } = guarded;
    const params = Object.fromEntries(parametersOf(route).map((name) => [name, STRING]));
    for (const method of methodsOf(route)) {
      const memberOf = actionGroups(method, guarded);
      for (const id of memberOf) groups.add(id);
      actions[actionId(method, route)] = {
        memberOf: memberOf.map((id) => ({ id })),
        appliesTo: {
          principalTypes: [principalTypeOf(route.auth)],
          resourceTypes: [resourceTypeOf(guarded)],
          context: {
            type: 'Record',
            attributes: {
              method: STRING,
              path: STRING,
              params: { type: 'Record', attributes: params },
              address: { type: 'Extension', name: 'ipaddr' },
              secure: { type: 'Boolean' },
              time: { type: 'Long' },
            },
          },
        },
      };
    }
  }
  for (const id of groups) actions[id] = {};
  return actions;
}
