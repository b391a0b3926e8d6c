import type { Redactor } from '../capability/index.ts';
import type { DeployedFunction, Deployment } from '../deploy/index.ts';
import type { Evidence, LogLevel, SecurityEvent } from '../evidence/index.ts';
import type { SandboxExit } from '../sandbox/index.ts';

const DEPLOYMENT_CHARACTERS = 12;
/** Denials of one instance that become security events; later ones say nothing new. */
const DENIALS_RECORDED_MAX = 20;

/** Writes what happens to one instance, with the names that the platform knows and the guest does not choose. */
export class InstanceJournal {
  readonly #evidence: Evidence;
  readonly #place: { readonly app: string; readonly function: string; readonly instance: string };
  readonly #deployment: string;
  readonly #timeMs: number;
  #denials = 0;
  /** Null until it is known what to hide; no code of the function has run by then. */
  #redactor: Redactor | null = null;

  constructor(evidence: Evidence, deployment: Deployment, fn: DeployedFunction, instance: string) {
    this.#evidence = evidence;
    this.#place = { app: deployment.app, function: fn.spec.name, instance };
    this.#deployment = deployment.id.slice(0, DEPLOYMENT_CHARACTERS);
    this.#timeMs = fn.spec.limits.timeMs;
  }

  /** From now on all text of the guest that is recorded goes through it. */
  redactWith(redactor: Redactor): void {
    this.#redactor = redactor;
  }

  /** A line of the function's own code. */
  said(level: LogLevel, message: string, request: string | null): void {
    this.#log(level, 'function', message, request);
  }

  violated(reason: string): void {
    this.#record('channel.violation', 'high', 'CORDON_CHANNEL_VIOLATION', null, { reason });
  }

  /** The guest says that it tried something that the sandbox refuses. Bounded: the guest chooses how often. */
  denied(what: string, request: string | null): void {
    this.#denials += 1;
    if (this.#denials > DENIALS_RECORDED_MAX) return;
    this.#record('sandbox.escape_attempt', 'medium', 'sandbox.denied', request, {
      what: this.#clean(what),
      reportedBy: 'guest',
    });
  }

  timedOut(request: string, blocked: boolean): void {
    const yielded = blocked ? ' and the code did not yield' : '';
    this.#log('error', 'platform', `The time limit of ${this.#timeMs} ms passed${yielded}.`, request);
    this.#record('sandbox.timeout', 'low', 'CORDON_FUNCTION_TIMEOUT', request, { blocked });
  }

  ended(exit: SandboxExit): void {
    const detail = { ...exit, stderr: this.#clean(exit.stderr) };
    if (exit.reason === 'memory') this.#record('sandbox.memory', 'low', 'exit.memory', null, detail);
    if (exit.reason === 'syscall') this.#record('sandbox.syscall', 'high', 'exit.syscall', null, detail);
    if (exit.reason === 'killed') return;
    this.#log('error', 'platform', `The instance ended: ${exit.reason}. ${detail.stderr}`.trim(), null);
  }

  #clean(text: string): string {
    return this.#redactor === null ? text : this.#redactor.redactExcerpt(text);
  }

  #log(level: LogLevel, source: 'platform' | 'function', text: string, request: string | null): void {
    const message = this.#clean(text);
    this.#evidence.log({ ...this.#place, level, source, deployment: this.#deployment, request, message });
  }

  #record(
    kind: SecurityEvent['kind'],
    severity: SecurityEvent['severity'],
    reason: string,
    request: string | null,
    detail: Record<string, unknown>,
  ): void {
    this.#evidence.record({ ...this.#place, kind, severity, reason, request, detail });
  }
}
