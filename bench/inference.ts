import { corpusScore } from '../src/permissions/corpus-score.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { fromRounds, fromSamples } from './statistics.ts';

export const PRECISION = 'grants told from code: precision';
export const RECALL = 'grants told from code: recall';

/** How well grants are told from code, over the functions whose uses are marked in their sources. */
export const inference: Measurement = {
  name: 'inference',
  about: 'grants told from code: precision, recall, time',
  async run() {
    const score = await corpusScore();
    const one = (name: string, unit: Result['unit'], value: number): Result =>
      fromRounds({ name, unit, subject: CORDON }, [value]);
    return [
      one(PRECISION, '%', score.precision * 100),
      one(RECALL, '%', score.recall * 100),
      one('grants told from code: uses in the corpus', 'count', score.uses),
      one('grants told from code: places that are unknown', 'count', score.unknowns),
      one('grants told from code: places that need not be', 'count', score.needlessUnknowns),
      fromSamples(
        { name: 'grants told from code: one function', unit: 'ms', subject: CORDON },
        score.cases.map(({ durationMs }) => durationMs),
      ),
    ];
  },
};
