/** One bound, with its unit and what it bounds. */
export interface LimitRow {
  readonly value: number;
  readonly unit: 'bytes' | 'ms' | 'count' | 'per second';
  readonly why: string;
}

export function limit(value: number, unit: LimitRow['unit'], why: string): LimitRow {
  return { value, unit, why };
}
