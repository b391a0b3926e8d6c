import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deploymentOf, queueSource } from './delivery.fixture.ts';
import { ServedDeployments } from './index.ts';

const live = deploymentOf([{ name: 'worker', sources: [queueSource('jobs')] }], 'live');
const canary = deploymentOf([{ name: 'worker', sources: [queueSource('jobs')] }], 'canary');
const anything = (): boolean => true;

function directoryOf(draw: number, second = canary, percent = 25): ServedDeployments {
  const alias = { app: 'shop', live: 'live', canary: { deployment: 'canary', percent }, previous: null };
  const apps = [{ alias, live, canary: second }];
  return new ServedDeployments(
    () => apps,
    () => draw,
  );
}

test('a canary has its percentage of the runs', () => {
  const id = (draw: number): string | undefined =>
    directoryOf(draw).find('shop', 'worker', anything)?.deployment.id;
  assert.equal(id(0), 'canary');
  assert.equal(id(0.2499), 'canary');
  assert.equal(id(0.25), 'live');
  assert.equal(id(0.99), 'live');
});

test('a canary without the function, or that does not take the events, is passed over', () => {
  const lacking = deploymentOf([{ name: 'other' }], 'canary');
  assert.equal(directoryOf(0, lacking).find('shop', 'worker', anything)?.deployment.id, 'live');
  const isLive = ({ deployment }: { deployment: { id: string } }): boolean => deployment.id === 'live';
  assert.equal(directoryOf(0).find('shop', 'worker', isLive)?.deployment.id, 'live');
});

test('what is not served, or takes nothing, is not found', () => {
  const directory = directoryOf(0.5);
  assert.equal(directory.find('other', 'worker', anything), null);
  assert.equal(directory.find('shop', 'other', anything), null);
  assert.equal(
    directory.find('shop', 'worker', () => false),
    null,
  );
});

test('what is served anew is found from then on', () => {
  const alias = { app: 'shop', live: 'live', canary: null, previous: null };
  let apps = [{ alias, live, canary: null }];
  const directory = new ServedDeployments(() => apps);
  assert.equal(directory.find('shop', 'worker', anything)?.deployment.id, 'live');
  apps = [{ alias, live: canary, canary: null }];
  assert.equal(directory.find('shop', 'worker', anything)?.deployment.id, 'canary');
});
