/* oxlint-disable -- hostile code */
import { builtin, first } from './attempts.js';

/** Every way by which this runtime can be asked for the content of a file. */
export function readers(path) {
  const fs = builtin('node:fs');
  return {
    'Deno.readTextFile': () => Deno.readTextFile(path),
    'Deno.open': async () => Deno.open(path),
    'fs.readFileSync': () => fs.readFileSync(path, 'utf8'),
    'fs.openSync': () => fs.openSync(path, 'r'),
    'fs.createReadStream': () => first(fs.createReadStream(path), ['open', 'data']),
    'fs.cpSync': () => fs.cpSync(path, '/tmp/copy') ?? 'copied',
    'fs.openAsBlob': () => fs.openAsBlob(path),
    'fetch of a file URL': async () => (await fetch(`file://${path}`)).text(),
    'import as text': () => import(`file://${path}`, { with: { type: 'text' } }),
    'import as JSON': () => import(`file://${path}`, { with: { type: 'json' } }),
    'worker of a file': () => first(new Worker(`file://${path}`, { type: 'module' }), ['message']),
    'require of a file': () => builtin('node:module').createRequire('file:///x.js')(path),
    'dynamic import': () => import(`file://${path}`),
    'process.loadEnvFile': () => process.loadEnvFile(path) ?? Deno.inspect(process.env),
    sqlite: () =>
      new (builtin('node:sqlite').DatabaseSync)(path, { readOnly: true })
        .prepare('select * from sqlite_master')
        .all(),
    'sqlite attach': () =>
      new (builtin('node:sqlite').DatabaseSync)(':memory:').exec(`attach '${path}' as other`) ?? 'attached',
    'wasi preopen': () => {
      const { WASI } = builtin('node:wasi');
      return (
        new WASI({ version: 'preview1', preopens: { '/': '/' } }).getImportObject() &&
        fs.readFileSync(path, 'utf8')
      );
    },
    'Deno.openKv': () => Deno.openKv(path),
    'link away': () => fs.symlinkSync(path, '/tmp/link') ?? 'linked',
    'Deno.watchFs': async () => Deno.watchFs(path) && 'watching',
    'permission request': async () => {
      const { state } = await Deno.permissions.request({ name: 'read', path });
      if (state !== 'granted') throw new Error(state);
      return state;
    },
  };
}

/** Ways to write or to change something. */
export function writers(path) {
  const fs = builtin('node:fs');
  return {
    'Deno.writeTextFile': () => Deno.writeTextFile(path, 'changed').then(() => 'written'),
    'fs.writeFileSync': () => fs.writeFileSync(path, 'changed') ?? 'written',
    'fs.appendFileSync': () => fs.appendFileSync(path, 'changed') ?? 'written',
    'fs.unlinkSync': () => fs.unlinkSync(path) ?? 'removed',
    'fs.renameSync': () => fs.renameSync(path, `${path}.gone`) ?? 'renamed',
    'fs.chmodSync': () => fs.chmodSync(path, 0o777) ?? 'changed',
    'fs.mkdirSync': () => fs.mkdirSync(`${path}.d`) ?? 'made',
    'Deno.makeTempFile': () => Deno.makeTempFile(),
    'sqlite database': () =>
      new (builtin('node:sqlite').DatabaseSync)(`${path}.db`).exec('create table t (a)') ?? 'made',
    'sqlite vacuum into': () =>
      new (builtin('node:sqlite').DatabaseSync)(':memory:').exec(`vacuum into '${path}.vacuum'`) ?? 'made',
  };
}
