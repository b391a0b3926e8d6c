/** Kinds of things that a grant is about; `binding` when the code does not show which kind a binding is. */
export type Capability =
  'kv' | 'bucket' | 'queue' | 'service' | 'pipe' | 'secret' | 'fetch' | 'connect' | 'binding';

/** Where in the sources; in the bundle itself, as file `bundle`, without a source map. Lines and columns from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A string of which all or the beginning is known. */
export interface Known {
  readonly text: string;
  /** False: `text` is only the beginning. */
  readonly whole: boolean;
}

/** One thing that the code is seen to use. */
export interface Use {
  readonly kind: 'use';
  readonly capability: Capability;
  /** Name in `env`; null for `fetch` and `connect`. */
  readonly binding: string | null;
  /** `get`, `put`, …; `read` of a secret or a binding of unknown kind; an HTTP method, `*` when not known; `connect`. */
  readonly operation: string;
  /** Key, URL, `host:port` or type of an event; null when nothing of it is known or there is none. */
  readonly resource: Known | null;
  readonly place: Place;
}

export type UnknownReason =
  | 'binding-computed'
  | 'operation-computed'
  | 'environment-passed'
  | 'environment-listed'
  | 'fetch-passed'
  | 'url-unknown'
  | 'host-unknown'
  | 'code-generated'
  | 'import-computed'
  | 'callee-unknown'
  | 'package-unseen'
  | 'syntax-unsupported'
  | 'code-unreadable'
  | 'code-too-large'
  | 'code-too-deep'
  | 'analysis-cut';

/** A place at which the code may use more than is seen. */
export interface Unknown {
  readonly kind: 'unknown';
  readonly reason: UnknownReason;
  /** Binding or module that it is about, empty when there is none. */
  readonly detail: string;
  readonly place: Place;
}

export type Finding = Use | Unknown;

/** What every reason means, for people. */
export const UNKNOWN_REASONS: Readonly<Record<UnknownReason, string>> = {
  'binding-computed': 'the name of a binding is computed',
  'operation-computed': 'the operation on a binding is computed, or not one that bindings have',
  'environment-passed': 'env or a binding is handed to code that cannot be seen',
  'environment-listed': 'the bindings in env are listed or copied by code that cannot be seen',
  'fetch-passed': 'a function that opens connections is handed to code that cannot be seen',
  'url-unknown': 'the scheme or host of a URL is computed',
  'host-unknown': 'the host or port of a connection is computed',
  'code-generated': 'code is made from text at run time',
  'import-computed': 'the name of a module is computed',
  'callee-unknown': 'nothing is seen that this could call',
  'package-unseen': 'a package that is too much to follow may open connections or read secrets',
  'syntax-unsupported': 'the syntax is not followed',
  'code-unreadable': 'the bundle is not valid JavaScript',
  'code-too-large': 'the bundle is larger than is analysed',
  'code-too-deep': 'the code is nested deeper than is analysed',
  'analysis-cut': 'the code is more than is analysed in the time',
};
