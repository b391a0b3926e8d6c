/* oxlint-disable -- hostile code */
import { builtin, first } from './attempts.js';

/** Ways to other processes and to native code. */
export function powers() {
  const children = builtin('node:child_process');
  return {
    'Deno.Command.output': () => new Deno.Command('/bin/deno', { args: ['--version'] }).output(),
    'Deno.Command.spawn': async () => new Deno.Command('/bin/launcher').spawn().pid,
    'Deno.Command.outputSync': () => new Deno.Command('/bin/sh').outputSync(),
    'Deno.run': () => Deno.run({ cmd: ['/bin/deno'] }),
    'child_process.spawn': () => first(children.spawn('/bin/deno', ['--version']), ['spawn', 'exit']),
    'child_process.spawnSync': () => {
      const { error, pid } = children.spawnSync('/bin/deno', ['--version']);
      if (error || !pid) throw error ?? new Error('no process');
      return pid;
    },
    'child_process.execSync': () => children.execSync('id').toString(),
    'child_process.execFileSync': () => children.execFileSync('/proc/self/exe', ['--version']).toString(),
    'child_process.fork': () => first(children.fork('/harness.mjs'), ['spawn', 'message', 'exit']),
    'cluster.fork': () => first(builtin('node:cluster').fork(), ['online', 'listening']),
    'Deno.dlopen': () =>
      Deno.dlopen('libc.so.6', { getpid: { parameters: [], result: 'i32' } }).symbols.getpid(),
    'Deno.dlopen of a path': () =>
      Deno.dlopen('/lib/x86_64-linux-gnu/libc.so.6', { system: { parameters: ['buffer'], result: 'i32' } }),
    'Deno.UnsafePointer': () => new Deno.UnsafePointerView(Deno.UnsafePointer.create(0x10000000n)).getUint8(),
    'Deno.UnsafeCallback': () =>
      new Deno.UnsafeCallback({ parameters: [], result: 'void' }, () => {}).pointer,
    'process.dlopen': () => process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libc.so.6') ?? 'loaded',
    'require of an addon': () => builtin('node:module').createRequire('file:///x.js')('/tmp/addon.node'),
    'Module._extensions': () =>
      builtin('node:module')._extensions['.node']({ exports: {} }, '/bin/deno') ?? 'loaded',
    'process.binding spawn_sync': () =>
      process.binding('spawn_sync').spawn({ file: '/bin/deno', args: ['deno'] }),
    'process.binding process_wrap': () =>
      new (process.binding('process_wrap').Process)().spawn({ file: '/bin/deno' }),
    'process.binding fs': () => process.binding('fs').open('/harness.mjs', 0, 0o666),
    'process._linkedBinding': () => process._linkedBinding('electron'),
    'inner ops: spawn': () => Deno[Deno.internal].core.ops.op_spawn_child({ cmd: '/bin/deno', args: [] }),
    'inner ops: ffi': () => Deno[Deno.internal].core.ops.op_ffi_load({ path: '/bin/deno', symbols: {} }),
    'process.kill of process 1': () => process.kill(1, 9),
    'Deno.kill': () => Deno.kill(2, 'SIGKILL') ?? 'killed',
    'process.setuid': () => process.setuid(0) ?? 'root',
    'process.chdir': () => process.chdir('/bin') ?? process.cwd(),
    'os.setPriority': () => builtin('node:os').setPriority(0, -20) ?? 'raised',
    'os.userInfo': () => unlike('nobody', builtin('node:os').userInfo().username),
    'os.networkInterfaces': () => unlike('{}', builtin('node:os').networkInterfaces()),
    'os.hostname': () => unlike('fn', builtin('node:os').hostname()),
    'os.release': () => unlike('0.0.0', builtin('node:os').release()),
    'os.cpus': () => unlike('[]', builtin('node:os').cpus()),
    'os.loadavg': () => unlike('[ 0, 0, 0 ]', builtin('node:os').loadavg()),
    'Deno.osUptime': () => Deno.osUptime(),
    'Deno.loadavg': () => Deno.loadavg(),
    'inspector.open': () =>
      builtin('node:inspector').open(0) ??
      builtin('node:inspector').url() ??
      Promise.reject(new Error('none')),
    'run permission': async () => granted('run'),
    'ffi permission': async () => granted('ffi'),
    'net permission': async () => granted('net'),
    'write permission': async () => granted('write'),
  };
}

/** What every sandbox is told alike says nothing about the machine. */
function unlike(constant, told) {
  const text = typeof told === 'string' ? told : Deno.inspect(told);
  if (text === constant) throw new Error('the same everywhere');
  return text;
}

async function granted(name) {
  const { state } = await Deno.permissions.request({ name });
  if (state !== 'granted') throw new Error(state);
  return state;
}
