import { z } from 'zod';
import type { Row } from '../row.ts';
import type { Stage } from '../stage.ts';

const INSTANCES = 8;
const ROUNDS = 2;
const drawSchema = z.object({
  born: z.string(),
  early: z.record(z.string(), z.string()),
  late: z.record(z.string(), z.string()),
});
type Draw = z.output<typeof drawSchema>;

async function draws(stage: Stage): Promise<Draw[]> {
  const answers = await Promise.all(Array.from({ length: INSTANCES }, () => stage.call('/attacker/random')));
  return answers.filter(({ status }) => status === 200).map(({ text }) => drawSchema.parse(JSON.parse(text)));
}

const randomness: Row = {
  id: 'I2',
  title: 'random values that are alike across instances that were booted ahead',
  event: null,
  async attack(stage, verdict) {
    const all: Draw[] = [];
    for (let round = 0; round < ROUNDS; round += 1) all.push(...(await draws(stage)));
    const instances = new Map(all.map((draw) => [draw.born, draw]));
    verdict.expect(instances.size >= 4, `only ${instances.size} instances to compare`);
    verdict.expect(all.length >= INSTANCES * ROUNDS - 1, `${all.length} draws`);
    const seen = new Map<string, string>();
    const look = (value: string, where: string): void => {
      const other = seen.get(value);
      verdict.unharmed(other === undefined, `${where} and ${other} drew the same value`);
      seen.set(value, where);
    };
    for (const [born, { early }] of instances)
      for (const [source, value] of Object.entries(early)) look(value, `${source} of ${born}, at load`);
    for (const [index, { born, late }] of all.entries())
      for (const [source, value] of Object.entries(late)) look(value, `${source} of ${born}, call ${index}`);
    verdict.note(`${seen.size} values of ${instances.size} instances`);
  },
  async twin(stage) {
    const [draw] = await draws(stage);
    if (draw === undefined || !/^[0-9a-f]{32}$/.test(draw.late['getRandomValues'] ?? ''))
      throw new Error('randomness does not work');
  },
};

export const RANDOM_ROWS: readonly Row[] = [randomness];
