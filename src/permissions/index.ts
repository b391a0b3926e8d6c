/**
 * What the code of a function uses, told from the code alone, and how that compares with what it is granted.
 * It promises that nothing is dropped: a place at which it cannot tell is an `unknown`, with the reason. It
 * refuses to guess, and never runs the code.
 */
export { analyse } from './analyse.ts';
export type { AnalyseOptions } from './analyse.ts';
export { analyseApart } from './analyse-apart.ts';
export { compare } from './compare.ts';
export type {
  Comparison,
  MissingGrant,
  ObservedUse,
  UnusedGrant,
  UsedOperation,
  WildcardGrant,
} from './compare.ts';
export type { GrantedOperation } from './granted.ts';
export { UNKNOWN_REASONS } from './finding.ts';
export type { Capability, Finding, Known, Place, Unknown, UnknownReason, Use } from './finding.ts';
export type { Suggestion } from './suggestion.ts';
export { writeGrants } from './write-grants.ts';
export type { WrittenGrants } from './write-grants.ts';
