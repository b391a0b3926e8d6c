import type { Caller } from '../identity/port.ts';
import type { RouteSpec } from '../manifest/index.ts';

/** A request as policies see it. All of it has been established by the host. */
export interface PolicyRequest {
  /** A route of the manifest that was compiled. */
  readonly route: RouteSpec;
  readonly method: string;
  /** Decoded values of the parameters in the route's path. */
  readonly params: Readonly<Record<string, string>>;
  /** Canonical path. */
  readonly path: string;
  readonly caller: Caller;
  /** Address of the caller. */
  readonly address: string;
  /** True over TLS. */
  readonly secure: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What `resolveResource` found; null where there is nothing. */
  readonly resource: Readonly<Record<string, unknown>> | null;
}

/** Why a decision is what it is. */
export type PolicyReason =
  /** The named policies permit it or forbid it. */
  | 'policy'
  /** No policy permits it. */
  | 'no policy'
  /** A policy, or a value that it was to see, could not be evaluated. */
  | 'evaluation error'
  /** No policy permits it, and what the request is about does not exist. */
  | 'lookup missing';

/** What the policies of a route say about one request. For the operator: a caller learns the outcome alone. */
export interface PolicyDecision {
  readonly outcome: 'allow' | 'deny';
  /** Ids of the policies that determined it, or that could not be evaluated; sorted. */
  readonly policies: readonly string[];
  readonly reason: PolicyReason;
  /** What could not be evaluated. */
  readonly errors: readonly string[];
}

/** The policies of an app, compiled. */
export interface PolicySets {
  /** Decides about a request. What has no policy, does not fit or fails is denied; it never throws. */
  decide(request: PolicyRequest): PolicyDecision;
  /** The same decision, with all that went into it. */
  explain(request: PolicyRequest): PolicyExplanation;
  /** Gives its memory back. Whoever asks afterwards is denied. */
  close(): void;
}

/** A policy in its file. */
export interface PolicyText {
  /** Its `@id`, or `file:line`. Unique in the file. */
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** A decision with the policies that made it and the data that they saw, in Cedar's JSON. */
export interface PolicyExplanation {
  readonly decision: PolicyDecision;
  /** Those that `decision.policies` names. */
  readonly policies: readonly PolicyText[];
  /** How many policies can apply to this action and were evaluated. */
  readonly evaluated: number;
  /** Ids of principal, action and resource, such as `User::"jwt:customers/ana"`; null where there were none. */
  readonly principal: string | null;
  readonly action: string | null;
  readonly resource: string | null;
  readonly context: Readonly<Record<string, unknown>>;
  readonly entities: readonly unknown[];
}

/** Reads a value of a store of the app, or promises it; undefined or null where there is none. May fail. */
export type ResourceLookup = (store: string, key: string) => unknown;

/** What a request is about, as far as it is stored. A failure is for the operator, and the request is denied. */
export type ResolvedResource =
  | { readonly ok: true; readonly attributes: Readonly<Record<string, unknown>> | null }
  | { readonly ok: false; readonly reason: string };
