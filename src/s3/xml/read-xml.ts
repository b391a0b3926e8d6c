import { SaxesParser } from 'saxes';
import { LIMITS } from '../../contract/index.ts';
import { S3Error } from '../errors.ts';

/** An element as it was read; names are without their prefixes. */
export interface ReadElement {
  readonly name: string;
  readonly children: readonly ReadElement[];
  /** Of the element itself, in the order in which it stands there. */
  readonly text: string;
}

interface OpenElement {
  readonly name: string;
  readonly children: ReadElement[];
  text: string;
}

/**
 * Reads a document of S3. It knows no DTD, hence no entities but those of XML, and no processing
 * instructions. Errors: MalformedXML, also for another root, and beyond `s3XmlDepthMax` and `s3XmlElementsMax`.
 */
export function readXml(bytes: Uint8Array, root: string): ReadElement {
  const text = decoded(bytes);
  const parser = new SaxesParser({ xmlns: true });
  const open: OpenElement[] = [];
  let document: ReadElement | null = null;
  let elements = 0;
  const refuse = (reason: string): never => {
    throw new S3Error('MalformedXML', { reason });
  };
  parser.on('error', (cause) => {
    throw new S3Error('MalformedXML', { reason: 'not well-formed', cause });
  });
  parser.on('doctype', () => refuse('a DTD'));
  parser.on('processinginstruction', () => refuse('a processing instruction'));
  parser.on('opentag', ({ local }) => {
    elements += 1;
    if (elements > LIMITS.s3XmlElementsMax.value) refuse('too many elements');
    if (open.length >= LIMITS.s3XmlDepthMax.value) refuse('too deep');
    open.push({ name: local, children: [], text: '' });
  });
  const take = (part: string): void => {
    const inner = open.at(-1);
    if (inner !== undefined) inner.text += part;
  };
  parser.on('text', take);
  parser.on('cdata', take);
  parser.on('closetag', () => {
    const closed = open.pop();
    if (closed === undefined) return;
    const parent = open.at(-1);
    if (parent === undefined) document = closed;
    else parent.children.push(closed);
  });
  parser.write(text).close();
  // The handlers run inside of `write`; control flow does not see them assign.
  const read = document as ReadElement | null;
  return read !== null && read.name === root ? read : refuse(`the root is not ${root}`);
}

/** Text of the one child with a name; null where there is none. Errors: MalformedXML for several, or one with children. */
export function textOf(element: ReadElement, name: string): string | null {
  const found = element.children.filter((child) => child.name === name);
  const [child] = found;
  if (child === undefined) return null;
  if (found.length > 1 || child.children.length > 0)
    throw new S3Error('MalformedXML', { reason: `${name} is not one text` });
  return child.text;
}

/** Errors: MalformedXML for children other than these. */
export function allowChildren(element: ReadElement, names: readonly string[]): void {
  const other = element.children.find(({ name }) => !names.includes(name));
  if (other !== undefined) throw new S3Error('MalformedXML', { reason: `unknown element ${other.name}` });
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new S3Error('MalformedXML', { reason: 'not UTF-8', cause });
  }
}
