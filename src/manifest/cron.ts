import { Cron } from 'croner';
import { LIMITS } from '../contract/index.ts';

// Without `?`, which stands for the time of the start in some dialects, `+`, `@daily` and years.
const FIELDS = /^[0-9A-Za-z*,/#-]+(?: [0-9A-Za-z*,/#-]+){4,5}$/;
const TIME_ZONE = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/;

// Fixed, so that a manifest is right or wrong on every day alike. The longest wait is that for 29 February.
const REFERENCE = new Date(Date.UTC(2025, 0, 1));

/**
 * The times that a cron expression names: five fields, or six with seconds first. Where day of month and day of week
 * are both given, either is enough (POSIX crontab). Names such as MON, `L`, `W` and `#` are as croner has them.
 *
 * When clocks are put forward, a time that is left out fires at the first moment after the gap; when they are put
 * back, a time that comes twice fires at the first. So it is for expressions whose seconds, minutes and hours have no
 * `*` and no step. Others name intervals: they fire at each real time that matches, whatever the clock on the wall.
 *
 * One weighs about 80 KiB, so that it is not for keeping by the thousand.
 */
export class CronTimes {
  readonly #cron: Cron;

  /** Throws a RangeError that says what is wrong, in words that complete "expected …". */
  constructor(expression: string, timezone: string) {
    if (expression.length > LIMITS.cronCharactersMax.value) {
      throw new RangeError(`at most ${LIMITS.cronCharactersMax.value} characters`);
    }
    if (!FIELDS.test(expression)) {
      throw new RangeError(
        'five fields such as "0 7 * * 1-5" (minute, hour, day, month, weekday), or six with seconds first, with one space between them',
      );
    }
    try {
      this.#cron = new Cron(expression, {
        timezone,
        mode: '5-or-6-parts',
        fixedTimeRule: 'no-wildcard',
        paused: true,
      });
    } catch (error) {
      throw new RangeError(`valid fields (${reasonOf(error)})`, { cause: error });
    }
  }

  /** Whether it names a time within `cronHorizonYears` at all, unlike the 30th of February. */
  fires(): boolean {
    const first = this.next(REFERENCE.getTime());
    const horizon = Date.UTC(REFERENCE.getUTCFullYear() + LIMITS.cronHorizonYears.value, 0, 1);
    return first !== null && first < horizon;
  }

  /** The first time after a moment; both in ms since the epoch. Null: there is none. */
  next(afterMs: number): number | null {
    const next = this.#cron.nextRun(new Date(afterMs))?.getTime() ?? null;
    return next !== null && next > afterMs ? next : null;
  }

  /** The latest times after `afterMs` and until `untilMs`, that one included: at most `countMax`, earliest first. */
  latest(afterMs: number, untilMs: number, countMax: number): number[] {
    const times: number[] = [];
    // croner takes whole seconds: what is wanted lies before the second after `untilMs`.
    let before = Math.floor(untilMs / 1000) * 1000 + 1000;
    while (times.length < countMax) {
      const [time] = this.#cron.previousRuns(1, new Date(before));
      if (time === undefined || time.getTime() <= afterMs || time.getTime() >= before) break;
      before = time.getTime();
      times.push(before);
    }
    return times.toReversed();
  }
}

/** Whether a text is an IANA time zone, written as in the database. */
export function isTimeZone(text: string): boolean {
  if (!TIME_ZONE.test(text)) return false;
  const known = timeZones();
  if (known.includes(text)) return true;
  // Links such as `Europe/Kyiv` or `GMT` are not listed; what is there in another case is a slip.
  if (known.some((zone) => zone.toLowerCase() === text.toLowerCase())) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** Names of time zones, for suggestions. */
export function timeZones(): readonly string[] {
  return ['UTC', ...Intl.supportedValuesOf('timeZone')];
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : 'unknown';
  return message.replace(/^CronPattern: /, '');
}
