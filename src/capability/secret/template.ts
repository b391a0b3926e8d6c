const REFERENCE = /\{secret:([A-Z][A-Z0-9_]{0,63})\}/g;

/** Names of the secrets that a template refers to. */
export function referencesOf(template: string): string[] {
  return [...template.matchAll(REFERENCE)].map(([, name = '']) => name);
}

/** The template with its secrets put in. What a value contains is never read as a reference. */
export function fillTemplate(template: string, values: ReadonlyMap<string, string>): string {
  return template.replaceAll(REFERENCE, (_, name: string) => values.get(name) ?? '');
}
