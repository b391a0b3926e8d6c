import type { RejectedObject } from '../capability/index.ts';
import type { ControlRejectedObjects } from './port.ts';

/** Rejected objects in memory, newest first, with their bytes. */
export class FakeRejectedObjects implements ControlRejectedObjects {
  held: { readonly object: RejectedObject; readonly bytes: Uint8Array }[] = [];

  add(id: string, key: string, bytes: Uint8Array, note = 'image/gif with markup'): void {
    const detail = {
      etag: '0'.repeat(32),
      checksums: { md5: '0'.repeat(32) },
      httpMetadata: { contentType: 'image/gif' },
      customMetadata: {},
    };
    const why = { reason: 'polyglot', note, actor: 'shop/main' };
    const place = { project: 'default', bucket: 'photos', key };
    const object = { id, ...place, size: bytes.byteLength, ...why, detail, rejected: 1_700_000_000_000 };
    this.held.unshift({ object, bytes });
  }

  async list(project: string, after: string | null, limit: number): Promise<readonly RejectedObject[]> {
    const own = this.held.map(({ object }) => object).filter((object) => object.project === project);
    return own.filter(({ id }) => after === null || id < after).slice(0, limit);
  }

  async find(project: string, id: string): Promise<RejectedObject | null> {
    return this.#get(project, id)?.object ?? null;
  }

  async read(project: string, id: string, start: number, end: number): Promise<Uint8Array | null> {
    return this.#get(project, id)?.bytes.subarray(start, end) ?? null;
  }

  async delete(project: string, id: string): Promise<boolean> {
    const found = this.#get(project, id);
    this.held = this.held.filter((entry) => entry !== found);
    return found !== undefined;
  }

  #get(project: string, id: string) {
    return this.held.find(({ object }) => object.id === id && object.project === project);
  }
}
