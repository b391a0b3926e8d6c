/** What `scheduled` gets, as Workers' `ScheduledController`: one tick of a clock. */
export class ScheduledController {
  readonly type = 'scheduled';
  /** The expression that the tick belongs to. */
  readonly cron: string;
  /** When it was due, ms since the epoch. */
  readonly scheduledTime: number;
  #final = false;

  constructor(cron: string, scheduledTime: number) {
    this.cron = cron;
    this.scheduledTime = scheduledTime;
  }

  /** The tick is not to come again although the handler fails. */
  noRetry(): void {
    this.#final = true;
  }

  /** Whether the handler said `noRetry`. No member, as code has no business with it. */
  static isFinal(controller: ScheduledController): boolean {
    return controller.#final;
  }
}
