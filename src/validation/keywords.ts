/** What the value of a keyword is to the walk over a schema. */
export type KeywordKind =
  /** A subschema. */
  | 'schema'
  /** A list of subschemas. */
  | 'schemas'
  /** Subschemas by name. */
  | 'named'
  /** A plain value. */
  | 'value'
  /** Changes nothing about what is valid. */
  | 'annotation';

/** The keywords that a schema may have (JSON Schema 2020-12). All others are refused, so that none is ignored by accident. */
const KEYWORDS: Readonly<Record<KeywordKind, readonly string[]>> = {
  schema: [
    'additionalProperties',
    'contains',
    'else',
    'if',
    'items',
    'not',
    'propertyNames',
    'then',
    'unevaluatedItems',
    'unevaluatedProperties',
  ],
  schemas: ['allOf', 'anyOf', 'oneOf', 'prefixItems'],
  named: ['$defs', 'dependentSchemas', 'patternProperties', 'properties'],
  value: [
    '$ref',
    'const',
    'dependentRequired',
    'enum',
    'exclusiveMaximum',
    'exclusiveMinimum',
    'format',
    'maxContains',
    'maxItems',
    'maxLength',
    'maxProperties',
    'maximum',
    'minContains',
    'minItems',
    'minLength',
    'minProperties',
    'minimum',
    'multipleOf',
    'pattern',
    'required',
    'type',
    'uniqueItems',
  ],
  annotation: [
    '$comment',
    'contentEncoding',
    'contentMediaType',
    'contentSchema',
    'default',
    'deprecated',
    'description',
    'examples',
    'readOnly',
    'title',
    'writeOnly',
  ],
};

const KINDS: ReadonlyMap<string, KeywordKind> = new Map(
  Object.entries(KEYWORDS).flatMap(([kind, words]) => words.map((word) => [word, kind as KeywordKind])),
);

/** Keywords whose subschemas judge the same value as the schema that has them. */
export const IN_PLACE: ReadonlySet<string> = new Set([
  'allOf',
  'anyOf',
  'dependentSchemas',
  'else',
  'if',
  'not',
  'oneOf',
  'then',
]);

/** Kind of a keyword; null for one that no schema may have. Extensions (`x-…`) are annotations. */
export function kindOf(keyword: string): KeywordKind | null {
  return KINDS.get(keyword) ?? (keyword.startsWith('x-') ? 'annotation' : null);
}
