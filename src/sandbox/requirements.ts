import type { Requirement } from './port.ts';
export function bubblewrapRequirements(): Promise<Requirement[]> {
  return Promise.resolve([]);
}
