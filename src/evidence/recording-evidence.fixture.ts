import type { Evidence, SecurityEvent } from './port.ts';

/** Evidence that keeps what it was told, in memory. */
export class RecordingEvidence implements Evidence {
  readonly lines: Parameters<Evidence['log']>[0][] = [];
  readonly recorded: Omit<SecurityEvent, 'time'>[] = [];

  log(line: Parameters<Evidence['log']>[0]): void {
    this.lines.push(line);
  }

  record(event: Omit<SecurityEvent, 'time'>): void {
    this.recorded.push(event);
  }

  logs(): Promise<never[]> {
    return Promise.resolve([]);
  }

  events(): Promise<never[]> {
    return Promise.resolve([]);
  }

  follow(): () => void {
    return () => undefined;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }
}
