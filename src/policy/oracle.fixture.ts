import fc from 'fast-check';

/*
 * A second, slow and obvious evaluator for a part of Cedar, to compare the engine and all that stands around
 * it to. It knows nothing of how policies are sorted out and values left away before they are evaluated.
 */

/** What the oracle knows of a request. */
export interface World {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly level: number | null;
  readonly team: string | null;
  readonly order: string;
  readonly owner: string | null;
  readonly amount: number | null;
  readonly secure: boolean;
}

/** A condition: its text in Cedar, and what it is; it throws where Cedar has an error. */
export interface Condition {
  readonly text: string;
  holds(world: World): boolean;
}

export interface OraclePolicy {
  readonly effect: 'permit' | 'forbid';
  readonly principal: Condition;
  readonly action: Condition;
  readonly resource: Condition;
  readonly when: Condition | null;
}

const MAX = 9_223_372_036_854_775_807n;
const SUBJECTS = ['ana', 'bob', 'a"n', 'é'] as const;
const subject = fc.constantFrom(...SUBJECTS);
const order = fc.constantFrom('17', '18');

export const world: fc.Arbitrary<World> = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'DELETE'),
  subject,
  scopes: fc.subarray(['orders', 'all']),
  level: fc.option(fc.integer({ min: 0, max: 3 })),
  team: fc.option(fc.constantFrom('red', 'blue')),
  order,
  owner: fc.option(subject),
  amount: fc.option(fc.integer({ min: -1, max: 2 })),
  secure: fc.boolean(),
});

const always = (text: string): Condition => ({ text, holds: () => true });
const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

const principal: fc.Arbitrary<Condition> = fc.oneof(
  fc.constant(always('principal')),
  fc.constant(always('principal is User')),
  subject.map((name) => ({
    text: `principal == User::${quoted(`jwt:customers/${name}`)}`,
    holds: (w: World) => w.subject === name,
  })),
);

const ACTIONS: readonly (readonly [string, readonly string[]])[] = [
  ['read', ['GET']],
  ['write', ['PUT', 'DELETE']],
  ['orders', ['GET', 'PUT', 'DELETE']],
  ['GET /orders/:id', ['GET']],
  ['PUT /orders/:id', ['PUT']],
];

const action: fc.Arbitrary<Condition> = fc.oneof(
  fc.constant(always('action')),
  fc.constantFrom('GET', 'PUT', 'DELETE').map((method) => ({
    text: `action == Action::"${method} /orders/:id"`,
    holds: (w: World) => w.method === method,
  })),
  fc.subarray([...ACTIONS], { minLength: 1 }).map((groups) => ({
    text: `action in [${groups.map(([id]) => `Action::"${id}"`).join(', ')}]`,
    holds: (w: World) => groups.some(([, methods]) => methods.includes(w.method)),
  })),
);

const resource: fc.Arbitrary<Condition> = fc.oneof(
  fc.constant(always('resource')),
  fc.constant(always('resource is Order')),
  order.map((id) => ({ text: `resource == Order::"${id}"`, holds: (w: World) => w.order === id })),
);

const compared = (entity: string, name: 'level' | 'amount'): fc.Arbitrary<Condition> =>
  fc.tuple(fc.constantFrom('<', '>='), fc.integer({ min: 0, max: 2 })).map(([sign, bound]) => ({
    text: `(${entity} has ${name} && ${entity}.${name} ${sign} ${bound})`,
    holds: (w: World) => {
      const value = w[name];
      return value !== null && (sign === '<' ? value < bound : value >= bound);
    },
  }));

/** Has an error for an amount of 2. */
const overflow: Condition = {
  text: `(resource has amount && resource.amount + ${MAX - 1n} > 0)`,
  holds: (w) => {
    if (w.amount === null) return false;
    if (BigInt(w.amount) + MAX - 1n > MAX) throw new Error('overflow');
    return BigInt(w.amount) + MAX - 1n > 0n;
  },
};

const leaf: fc.Arbitrary<Condition> = fc.oneof(
  fc.constant(overflow),
  compared('principal', 'level'),
  compared('resource', 'amount'),
  fc.constantFrom<Condition>(
    {
      text: '(resource has owner && resource.owner == principal.subject)',
      holds: (w) => w.owner !== null && w.owner === w.subject,
    },
    { text: 'principal has team', holds: (w) => w.team !== null },
    { text: '(principal has team && principal.team == "red")', holds: (w) => w.team === 'red' },
    { text: 'principal.scopes.contains("orders")', holds: (w) => w.scopes.includes('orders') },
    { text: 'context.secure', holds: (w) => w.secure },
    { text: 'context.method == "PUT"', holds: (w) => w.method === 'PUT' },
    { text: 'context.params.id == "17"', holds: (w) => w.order === '17' },
    { text: 'context.params == {id: "18"}', holds: (w) => w.order === '18' },
    { text: '(action in Action::"write")', holds: (w) => w.method !== 'GET' },
  ),
);

const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    leaf,
    tie('condition').map((a) => ({ text: `!(${a.text})`, holds: (w: World) => !a.holds(w) })),
    fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => ({
      text: `(${a.text} && ${b.text})`,
      holds: (w: World) => a.holds(w) && b.holds(w),
    })),
    fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => ({
      text: `(${a.text} || ${b.text})`,
      holds: (w: World) => a.holds(w) || b.holds(w),
    })),
    fc.tuple(tie('condition'), tie('condition'), tie('condition')).map(([a, b, c]) => ({
      text: `(if ${a.text} then ${b.text} else ${c.text})`,
      holds: (w: World) => (a.holds(w) ? b.holds(w) : c.holds(w)),
    })),
  ),
}));

export const policy: fc.Arbitrary<OraclePolicy> = fc.record({
  effect: fc.constantFrom('permit', 'permit', 'forbid'),
  principal,
  action,
  resource,
  when: fc.option(condition),
});

export function textOf({ effect, principal, action, resource, when }: OraclePolicy, id: string): string {
  const condition = when === null ? '' : ` when { ${when.text} }`;
  return `@id("${id}")\n${effect} (${principal.text}, ${action.text}, ${resource.text})${condition};`;
}

/** What policies decide, by the rules as they are written: an error denies, a forbid wins, a permit is needed. */
export function judge(policies: ReadonlyMap<string, OraclePolicy>, w: World) {
  const found = { permit: [] as string[], forbid: [] as string[], error: [] as string[] };
  for (const [id, { effect, principal, action, resource, when }] of policies) {
    try {
      if (![principal, action, resource].every((scope) => scope.holds(w))) continue;
      if (when === null || when.holds(w)) found[effect].push(id);
    } catch {
      found.error.push(id);
    }
  }
  if (found.error.length > 0) return { outcome: 'deny', reason: 'evaluation error', policies: found.error };
  if (found.forbid.length > 0) return { outcome: 'deny', reason: 'policy', policies: found.forbid };
  if (found.permit.length > 0) return { outcome: 'allow', reason: 'policy', policies: found.permit };
  return { outcome: 'deny', reason: 'no policy', policies: [] };
}
