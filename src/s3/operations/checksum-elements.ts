import type { TransferChecksum } from '../../capability/index.ts';
import type { XmlElement } from '../xml/write-xml.ts';

/** A checksum as S3 writes it in XML. */
export function checksumElements(
  checksum: Omit<TransferChecksum, 'type'> | TransferChecksum | null | undefined,
): readonly XmlElement[] {
  if (checksum === null || checksum === undefined) return [];
  const value: XmlElement = [`Checksum${checksum.algorithm}`, checksum.value];
  if (!('type' in checksum)) return [value];
  return [value, ['ChecksumType', checksum.type === 'full' ? 'FULL_OBJECT' : 'COMPOSITE']];
}
