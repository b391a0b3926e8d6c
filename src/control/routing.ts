import { CordonError } from '../contract/index.ts';
import type { AnyOperation } from './operation.ts';

/** An operation that a request asks for, with what its URL says. */
export interface Matched {
  readonly operation: AnyOperation;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
}

interface Pattern {
  readonly operation: AnyOperation;
  readonly segments: readonly string[];
}

/** Finds operations by method and path. */
export class OperationRouter {
  readonly #patterns: readonly Pattern[];

  constructor(operations: readonly AnyOperation[]) {
    this.#patterns = operations.map((operation) => ({ operation, segments: operation.path.split('/') }));
  }

  /**
   * The operation for a request target. Literal segments come before parameters.
   * Errors: CORDON_OPERATION_UNKNOWN; CORDON_METHOD_REFUSED with `details.allow`; CORDON_INPUT_INVALID for
   * a repeated query field or malformed escapes.
   */
  match(method: string, target: string): Matched {
    const mark = target.indexOf('?');
    const path = mark === -1 ? target : target.slice(0, mark);
    const segments = path.split('/');
    const found = this.#patterns.filter((pattern) => fits(pattern.segments, segments));
    if (found.length === 0) {
      const shown = JSON.stringify(path.slice(0, 200));
      throw new CordonError(
        'CORDON_OPERATION_UNKNOWN',
        `Cannot ${method} ${shown}: the control API has no such path.`,
      );
    }
    const pattern = found.find(({ operation }) => operation.method === method);
    if (pattern === undefined) {
      const allow = found.map(({ operation }) => operation.method).join(', ');
      throw new CordonError('CORDON_METHOD_REFUSED', `Cannot ${method} ${path}: it takes ${allow}.`, {
        details: { allow },
      });
    }
    return {
      operation: pattern.operation,
      params: paramsOf(pattern.segments, segments),
      query: queryOf(mark === -1 ? '' : target.slice(mark + 1)),
    };
  }
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.length !== segments.length) return false;
  return pattern.every((part, i) => part === segments[i] || (part.startsWith('{') && segments[i] !== ''));
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [i, part] of pattern.entries()) {
    if (!part.startsWith('{')) continue;
    try {
      params[part.slice(1, -1)] = decodeURIComponent(segments[i] ?? '');
    } catch (cause) {
      throw new CordonError('CORDON_INPUT_INVALID', 'The path has malformed percent-escapes.', { cause });
    }
  }
  return params;
}

function queryOf(text: string): Record<string, string> {
  const query = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (query.has(name)) {
      throw new CordonError(
        'CORDON_INPUT_INVALID',
        `The query names ${JSON.stringify(name.slice(0, 64))} twice.`,
      );
    }
    query.set(name, value);
  }
  return Object.fromEntries(query);
}
