/** A path of the manifest as OpenAPI writes it. */
export interface PathTemplate {
  /** Such as `/orders/{id}`. */
  readonly template: string;
  /** Names of its parameters, in their order. */
  readonly names: readonly string[];
  /** True where the last parameter stands for the rest of the path. */
  readonly isRest: boolean;
}

const PARAMETER = /^\{([^{}]+)\}$/;
const LITERAL = /^[A-Za-z0-9._~-]+$/;

/** `/orders/:id/*` as `/orders/{id}/{rest}`. */
export function pathTemplate(path: string): PathTemplate {
  const names: string[] = [];
  let isRest = false;
  const segments = path.split('/').map((segment) => {
    if (segment.startsWith(':')) names.push(segment.slice(1));
    else if (segment === '*') {
      isRest = true;
      let rest = 'rest';
      while (path.includes(`:${rest}`)) rest += '_';
      names.push(rest);
    } else return segment;
    return `{${names.at(-1) ?? ''}}`;
  });
  return { template: segments.join('/'), names, isRest };
}

/** `/orders/{order-id}` as `/orders/:order_id`, with the new names by the old; null for what no route can say. */
export function routePath(template: string): { path: string; names: ReadonlyMap<string, string> } | null {
  if (!template.startsWith('/')) return null;
  const names = new Map<string, string>();
  const segments: string[] = [];
  for (const [index, segment] of template.slice(1).split('/').entries()) {
    const [, name] = PARAMETER.exec(segment) ?? [];
    const isLast = index === template.split('/').length - 2;
    if (name !== undefined) {
      const own = parameterName(name);
      if (names.has(name) || [...names.values()].includes(own)) return null;
      names.set(name, own);
      segments.push(`:${own}`);
    } else if ((segment === '' && isLast) || (LITERAL.test(segment) && !/^\.{1,2}$/.test(segment)))
      segments.push(segment);
    else return null;
  }
  return { path: `/${segments.join('/')}`, names };
}

function parameterName(name: string): string {
  const made = name.replaceAll(/[^A-Za-z0-9_]/g, '_');
  return /^[A-Za-z]/.test(made) ? made : `p${made}`;
}
