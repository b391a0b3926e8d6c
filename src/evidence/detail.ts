import { LIMITS } from '../contract/index.ts';
import { escapeJsonControls } from './plain-text.ts';

/** The detail of a security event as JSON text that is safe to print. Never throws; what cannot be told is said so. */
export function detailText(detail: Readonly<Record<string, unknown>>): string {
  let text: string;
  try {
    text = escapeJsonControls(JSON.stringify(detail, replace));
  } catch (error) {
    return JSON.stringify({ unreadable: error instanceof Error ? error.name : typeof error });
  }
  const bytes = Buffer.byteLength(text);
  return bytes <= LIMITS.eventDetailBytesMax.value ? text : JSON.stringify({ cut: true, bytes });
}

function replace(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return { name: value.name, message: value.message };
  return value;
}
