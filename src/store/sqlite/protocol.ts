import type { ErrorCode } from '../../contract/index.ts';
import type { Row, Statement, Write } from '../port.ts';

/** What the thread of the store is told. Requests are carried out in order. */
export type Request =
  | { readonly kind: 'query'; readonly id: number; readonly statement: Statement }
  | { readonly kind: 'commit'; readonly transactions: readonly (readonly Write[])[] }
  | { readonly kind: 'scrub'; readonly id: number }
  | { readonly kind: 'close' };

/** An error on its way between threads, where classes are lost. */
export interface Problem {
  readonly code: Extract<ErrorCode, `CORDON_STORE_${string}`>;
  readonly message: string;
}

/** Rows changed per write, or why none of them stands. */
export type Outcome = readonly number[] | Problem;

export type Reply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'rows'; readonly id: number; readonly result: readonly Row[] | Problem }
  | { readonly kind: 'committed'; readonly outcomes: readonly Outcome[] }
  | { readonly kind: 'failed'; readonly problem: Problem };
