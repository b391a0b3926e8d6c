import { LIMITS } from '../../src/contract/index.ts';
import { Depot, type Uploaded } from './depot.ts';
import type { Verdict } from './row.ts';
import type { Stage } from './stage.ts';

const PLAIN = 'depot-keys';
/** A function is told of what comes into this one. */
const HEARD = 'depot-papers';
const SUBJECT_CHARACTERS_SHOWN = 200;
// What docs/S3.md says of keys that are refused.
const REFUSED_CHARACTER = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

function isTaken(key: string): boolean {
  const bytes = Buffer.byteLength(key);
  if (bytes === 0 || bytes > LIMITS.bucketKeyBytesMax.value) return false;
  return !REFUSED_CHARACTER.test(key) && !key.split('/').includes('..');
}

/** What becomes of an upload; null where the client cannot even write it into a request. */
function put(depot: Depot, bucket: string, key: string, body: string): Promise<Uploaded | null> {
  return depot.put(bucket, key, body).catch(() => null);
}

/** Uploads under each key: it is taken as it is and nothing else, and so is what a function is told. */
export async function uploadUnderKeys(
  stage: Stage,
  verdict: Verdict,
  keys: readonly string[],
): Promise<void> {
  const depot = await Depot.of(stage);
  await depot.clear(PLAIN);
  const taken: string[] = [];
  for (const [index, key] of keys.entries()) {
    const answer = await put(depot, PLAIN, key, String(index));
    if (answer === null) continue;
    const shown = JSON.stringify(key.slice(0, 40));
    if (!isTaken(key)) {
      verdict.expect(answer.status >= 400, `S3 with ${shown}: ${answer.status} ${answer.code}`);
      continue;
    }
    verdict.expect(answer.status === 200, `S3 does not take ${shown}: ${answer.status} ${answer.code}`);
    taken.push(key);
    const got = await depot.get(PLAIN, key);
    verdict.unharmed(got === String(index), `S3 has ${got} under ${shown}`);
  }
  const listed = (await depot.list(PLAIN)).toSorted();
  verdict.unharmed(
    JSON.stringify(listed) === JSON.stringify(taken.toSorted()),
    'S3 does not list the keys as they were written',
  );
  await depot.clear(PLAIN);
  await tellOfKeys(depot, verdict, taken);
}

async function tellOfKeys(depot: Depot, verdict: Verdict, keys: readonly string[]): Promise<void> {
  const heard: string[] = [];
  const notes = await depot.notesOf(async () => {
    for (const key of keys) {
      const name = `k/${key}`;
      const answer = await put(depot, HEARD, name, 'text');
      // Names that hide something, or say that it is no text, are refused by the inspection.
      if (answer?.status === 200) heard.push(name.slice(0, SUBJECT_CHARACTERS_SHOWN));
    }
  });
  const told = notes.map(({ subject = '' }) => subject);
  verdict.unharmed(
    JSON.stringify(told.toSorted()) === JSON.stringify(heard.toSorted()),
    'a function is told of other keys than were written',
  );
  verdict.expect(heard.length > keys.length / 2, `only ${heard.length} of ${keys.length} keys were heard of`);
  await depot.clear(HEARD);
}
