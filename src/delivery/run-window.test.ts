import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { RunWindow } from './run-window.ts';

const HALF_LIFE_MS = LIMITS.eventWindowHalfLifeMs.value;
const PAUSE_MS = LIMITS.eventPauseMs.value;

function grown(runs: number, max = 100): RunWindow {
  const window = new RunWindow(max, 0);
  window.used(0);
  for (let run = 1; run < runs; run++) window.grow();
  return window;
}

test('a window grows by one with each run that ends, up to its most', () => {
  assert.equal(grown(1).size(0), 1);
  assert.equal(grown(7).size(0), 7);
  assert.equal(grown(100).size(0), 100);
  assert.equal(grown(101).size(0), 100);
  const window = grown(50);
  window.max = 10;
  assert.equal(window.size(0), 10);
});

test('a window halves once for refusals that come together, and never below one', () => {
  const window = grown(9);
  window.shrink(1000);
  window.shrink(1000 + PAUSE_MS - 1);
  assert.equal(window.size(1000), 4);
  window.shrink(1000 + PAUSE_MS);
  assert.equal(window.size(1000), 2);
  for (let turn = 2; turn < 9; turn++) window.shrink(1000 + turn * PAUSE_MS);
  assert.equal(window.size(1000), 1);
});

test('a window halves with each half-life of rest and begins again from there', () => {
  const window = grown(40);
  assert.equal(window.size(10 * HALF_LIFE_MS), 40, 'it is not at rest');
  window.rest(0);
  window.rest(HALF_LIFE_MS);
  assert.equal(window.size(HALF_LIFE_MS - 1), 40);
  assert.equal(window.size(HALF_LIFE_MS), 20);
  window.used(2 * HALF_LIFE_MS);
  assert.equal(window.size(9 * HALF_LIFE_MS), 10);
  window.rest(9 * HALF_LIFE_MS);
  assert.equal(window.size(5000 * HALF_LIFE_MS), 1);
});
