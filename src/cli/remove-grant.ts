import { findNodeAtLocation, getNodeValue, parseTree, type Node } from 'jsonc-parser';
import type { UnusedGrant } from '../permissions/index.ts';

type Path = (string | number)[];

/** Key of what a grant lists, where it is not `can`. */
const LIST_OF: Readonly<Record<string, string>> = { fetch: 'methods', pipe: 'types' };

/**
 * The text of a manifest without one operation of a grant of a function, or without the whole grant when it was
 * the last. Everything else stays as it is, comments too.
 */
export function removeGrant(
  text: string,
  name: string,
  {
    path,
    operation,
    resource,
  }: Pick<UnusedGrant, 'path' | 'operation'> & Partial<Pick<UnusedGrant, 'resource'>>,
): string {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const grant: Path = ['functions', name, 'grants', ...path];
  if (root === undefined) return text;
  const list = findNodeAtLocation(root, [...grant, LIST_OF[String(path[0])] ?? 'can']);
  const items = list?.children ?? [];
  const item = items.find((child) => getNodeValue(child) === (path[0] === 'pipe' ? resource : operation));
  if (items.length > 1 && item !== undefined) return cut(text, item);
  const found = findNodeAtLocation(root, grant);
  // The value of a key goes with its key.
  const whole = found?.parent?.type === 'property' ? found.parent : found;
  return whole === undefined ? text : cut(text, whole);
}

/** Cuts an item out of its list or object, with the comma that it no longer needs. */
function cut(text: string, node: Node): string {
  const siblings = node.parent?.children ?? [];
  const index = siblings.indexOf(node);
  const before = siblings[index - 1];
  const after = siblings[index + 1];
  if (before !== undefined) return text.slice(0, end(before)) + text.slice(end(node));
  if (after !== undefined) return text.slice(0, node.offset) + text.slice(after.offset);
  const rest = text.slice(end(node)).replace(/^\s*,/, '');
  return text.slice(0, node.offset) + rest;
}

function end({ offset, length }: Node): number {
  return offset + length;
}
