import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { analyse } from './analyse.ts';
import { CORPUS_GRANTS } from './corpus-score.ts';

const LIMITS = { grants: CORPUS_GRANTS, stepsMax: 20_000, timeMsMax: 2_000 };
const CORPUS = join(import.meta.dirname, 'corpus');
const SOURCES = readdirSync(CORPUS)
  .filter((name) => name.endsWith('.js'))
  .map((name) => readFileSync(join(CORPUS, name), 'utf8'));

const name = fc.constantFrom('env', 'a', 'b', 'f', 'this', 'arguments', 'globalThis', 'fetch');
const leaf = fc.oneof(name, fc.constantFrom('1', '"ORDERS"', '`k`', 'null', 'undefined', '[]', '{}', '/x/'));

const { expression } = fc.letrec<{ expression: string }>((tie) => {
  const inner = tie('expression');
  return {
    expression: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      leaf,
      fc.tuple(inner, inner).map(([a, b]) => `(${a})[${b}]`),
      fc.tuple(inner, inner).map(([a, b]) => `(${a})(${b}, ...${b})`),
      fc.tuple(inner, inner).map(([a, b]) => `new (${a})(${b})`),
      fc.tuple(inner, inner).map(([a, b]) => `(${a} ?? ${b})`),
      fc.tuple(inner, inner).map(([a, b]) => `(${a} + ${b})`),
      fc.tuple(inner, inner).map(([a, b]) => `({ ...${a}, get x() { return ${b}; } })`),
      fc
        .tuple(inner, inner)
        .map(([a, b]) => `class extends (${a}) { y = ${b}; z() { return super.z(${b}); } }`)
        .map((text) => `(${text})`),
      fc
        .tuple(inner, inner)
        .map(([a, b]) => `((b = ${a}, { f, ...rest } = ${b}, ...more) => (a = [f, rest, more, ${b}]))`),
      fc
        .tuple(inner, inner)
        .map(([a, b]) => `(function* f() { yield* ${a}; for (const a of ${b}) yield f(a); })()`),
      fc
        .tuple(inner, inner)
        .map(([a, b]) => `${a === '{}' ? 'a' : 'b'} = Object.assign(${b}, ${a})`)
        .map((text) => `(${text})`),
      fc.tuple(inner, inner).map(([a, b]) => `Reflect.apply(Function.prototype.bind, ${a}, [${b}])(${a})`),
      fc.tuple(inner, inner).map(([a, b]) => `new Proxy(${a}, { get: () => ${b}, apply: a })`),
    ),
  };
});

test('whatever the text is, the answer is a list', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200, unit: 'binary' }), (text) => {
      assert.ok(Array.isArray(analyse(text, LIMITS)));
    }),
    { numRuns: 200 },
  );
});

test('whatever the program does to env, the analysis ends without an error', () => {
  fc.assert(
    fc.property(fc.array(expression, { minLength: 1, maxLength: 4 }), (statements) => {
      const code = `let a, b, f; export default { fetch(request, env) { ${statements.join(';\n')}; return a; } };`;
      const findings = analyse(code, LIMITS);
      assert.ok(
        !findings.some((finding) => finding.kind === 'unknown' && finding.reason === 'code-unreadable'),
        code,
      );
    }),
    { numRuns: 250 },
  );
});

test('native functions that call each other in several ways end within the limits', () => {
  const code = `let a, b, f; export default { fetch(request, env) {
    (function* f() {
      yield* (class extends (env) { y = "ORDERS"; z() { return super.z("ORDERS"); } });
      for (const a of (a = Object.assign(new Proxy({}, { get: () => f, apply: a }), {}))) yield f(a);
    })();
    ({ ...(a = Object.assign(arguments, {})), get x() { return (null)("ORDERS", ..."ORDERS"); } });
    return a;
  } };`;
  assert.ok(Array.isArray(analyse(code, LIMITS)));
});

test('a corpus with parts cut out or doubled never ends in an error', () => {
  const cut = fc.tuple(fc.constantFrom(...SOURCES), fc.nat(), fc.nat(60), fc.boolean());
  fc.assert(
    fc.property(cut, ([source, offset, length, doubles]) => {
      const at = offset % source.length;
      const part = source.slice(at, at + length);
      const rest = source.slice(at + length);
      assert.ok(Array.isArray(analyse(source.slice(0, at) + (doubles ? part + part : '') + rest, LIMITS)));
    }),
    { numRuns: 200 },
  );
});
