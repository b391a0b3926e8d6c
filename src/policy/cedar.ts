import { createRequire } from 'node:module';
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';
import type {
  Context,
  DetailedError,
  EntityJson,
  PolicyJson,
  Response,
  SchemaJson as CedarSchemaJson,
  Type,
  TypeAndId,
} from '@cedar-policy/cedar-wasm/nodejs';

export type { Context, DetailedError, EntityJson, PolicyJson, Response, TypeAndId };
export type SchemaJson = CedarSchemaJson<string>;
export type SchemaType = Type<string>;

const MODULE = '@cedar-policy/cedar-wasm/nodejs';
const load = createRequire(import.meta.url);

/** One request in Cedar's terms. */
export interface CedarRequest {
  readonly principal: TypeAndId;
  readonly action: TypeAndId;
  readonly resource: TypeAndId;
  readonly context: Context;
  readonly entities: EntityJson[];
}

/** What is wrong with a text, or with one policy of it; `policy` counts from 0 and is null for the text. */
export interface CedarProblem {
  readonly policy: number | null;
  readonly error: DetailedError;
}

/** The texts of policies by id. */
export type PolicyTexts = Readonly<Record<string, string>>;

let engine: CedarEngine | null = null;

/** Cedar's own engine in this process; it is loaded at the first call. */
export function cedar(): CedarEngine {
  engine ??= new CedarEngine();
  return engine;
}

/** True once something has asked for the engine. */
export function isCedarLoaded(): boolean {
  return engine !== null;
}

/**
 * The one seam to Cedar. Parsed policies live in the memory of its WebAssembly instance, in slots that are
 * used again. A trap inside the instance leaves its stack pointer where it was, so that every later call
 * fails as well: the instance is replaced, and the slot in which it happened is not asked again. The bounds
 * on policies are there so that this does not happen.
 */
export class CedarEngine {
  #cedar: typeof Cedar = instantiate();
  readonly #slots = new Map<string, PolicyTexts>();
  readonly #free: string[] = [];
  readonly #broken = new Set<string>();

  /** How many slots are in use. */
  get held(): number {
    return this.#slots.size;
  }

  /** Parses policies and keeps them. Returns the slot. Errors: where the policies do not parse. */
  hold(policies: PolicyTexts): string {
    const slot = this.#free.pop() ?? `set${this.#slots.size}`;
    try {
      this.#put(slot, policies);
    } catch (thrown) {
      this.#free.push(slot);
      throw thrown;
    }
    this.#slots.set(slot, policies);
    return slot;
  }

  /** Forgets the policies of a slot. */
  release(slot: string): void {
    if (!this.#slots.delete(slot)) return;
    this.#broken.delete(slot);
    this.#put(slot, {});
    this.#free.push(slot);
  }

  /** Evaluates the policies of a slot. Errors: where Cedar cannot, for whatever reason. */
  evaluate(slot: string, request: CedarRequest): Response {
    if (this.#broken.has(slot) || !this.#slots.has(slot)) throw new Error('its policies are not held');
    const { principal, action, resource, context, entities } = request;
    let answer;
    try {
      answer = this.#cedar.statefulIsAuthorized({
        principal,
        action,
        resource,
        context,
        entities,
        preparsedPolicySetId: slot,
      });
    } catch (cause) {
      this.#broken.add(slot);
      this.#renew();
      throw new Error('the engine failed', { cause });
    }
    if (answer.type === 'success') return answer.response;
    throw new Error(messageOf(answer.errors));
  }

  /** Splits a text into its policies, in their order in it, and counts its templates. */
  split(
    text: string,
  ): { readonly policies: readonly string[]; readonly templates: number } | DetailedError[] {
    const parts = this.#guarded(() => this.#cedar.policySetTextToParts(text));
    if (parts.type === 'failure') return parts.errors;
    return { policies: parts.policies, templates: parts.policy_templates.length };
  }

  /** One policy as data. Errors: where the text is not one policy. */
  read(text: string): PolicyJson {
    const answer = this.#guarded(() => this.#cedar.policyToJson(text));
    if (answer.type === 'success') return answer.json;
    throw new Error(messageOf(answer.errors));
  }

  /** Validates a text strictly. Warnings are problems too: a policy that cannot apply protects nothing. */
  validate(text: string, schema: SchemaJson): CedarProblem[] {
    const answer = this.#guarded(() =>
      this.#cedar.validate({
        schema,
        policies: { staticPolicies: text },
        validationSettings: { mode: 'strict' },
      }),
    );
    if (answer.type === 'failure') return answer.errors.map((error) => ({ policy: null, error }));
    const wrong = new Set(answer.validationErrors.map(({ policyId }) => policyId));
    // What is wrong already is often impossible as well, which says nothing new.
    const warnings = answer.validationWarnings.filter(({ policyId }) => {
      const isFirst = !wrong.has(policyId);
      wrong.add(policyId);
      return isFirst;
    });
    return [...answer.validationErrors, ...warnings].map(({ policyId, error }) => ({
      policy: numberOf(policyId),
      error,
    }));
  }

  /** Null, or why the schema is none. */
  schemaProblem(schema: SchemaJson): string | null {
    const answer = this.#guarded(() => this.#cedar.checkParseSchema(schema));
    return answer.type === 'success' ? null : messageOf(answer.errors);
  }

  /** A schema in Cedar's own syntax. No name of a schema here shadows a type, so that types need no namespace. */
  schemaText(schema: SchemaJson): string {
    const answer = this.#guarded(() => this.#cedar.schemaToText(schema));
    if (answer.type === 'success') return answer.text.replaceAll('__cedar::', '');
    throw new Error(messageOf(answer.errors));
  }

  #put(slot: string, policies: PolicyTexts): void {
    const answer = this.#guarded(() =>
      this.#cedar.preparsePolicySet(slot, { staticPolicies: { ...policies } }),
    );
    if (answer.type === 'failure') throw new Error(messageOf(answer.errors));
  }

  #guarded<T>(call: () => T): T {
    try {
      return call();
    } catch (cause) {
      this.#renew();
      throw new Error('the engine failed', { cause });
    }
  }

  #renew(): void {
    this.#cedar = instantiate();
    for (const [slot, policies] of this.#slots) {
      if (this.#broken.has(slot)) continue;
      try {
        this.#cedar.preparsePolicySet(slot, { staticPolicies: { ...policies } });
      } catch {
        this.#broken.add(slot);
      }
    }
  }
}

/** The module makes its instance while it is loaded. */
function instantiate(): typeof Cedar {
  delete load.cache[load.resolve(MODULE)];
  return load(MODULE) as typeof Cedar;
}

function messageOf(errors: readonly DetailedError[]): string {
  return errors[0]?.message ?? 'Cedar does not say why';
}

/** Cedar numbers the policies of a text: `policy0`, `policy1`. */
function numberOf(policyId: string): number | null {
  const digits = /^policy(\d+)$/.exec(policyId)?.[1];
  return digits === undefined ? null : Number(digits);
}
