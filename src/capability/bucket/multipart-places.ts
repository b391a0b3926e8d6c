import { placeOf } from '../../vault/index.ts';

/** Where the bytes of a part of an upload are sealed. */
export function partPlace(upload: string, version: string): string {
  return placeOf('multipart part', upload, version);
}

/** Where the rest of a part is sealed. */
export function partDetailPlace(upload: string, version: string): string {
  return placeOf('multipart part detail', upload, version);
}

/** Where the metadata of an upload is sealed. */
export function uploadDetailPlace(upload: string): string {
  return placeOf('multipart upload', upload);
}
