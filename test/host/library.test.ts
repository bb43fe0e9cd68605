/** The library: README's example as printed, streams, files, signals, and the browser adapter. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { brotliDecompressSync } from 'node:zlib';
import { boot as bootInBrowser } from '../../src/host/browser/index.ts';
import { boot } from '../../src/host/node/index.ts';
import { AUDIT } from '../lib/audit.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('library');
const ROOT = new URL('../../', import.meta.url);

async function text(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream).text();
}

test("README's example prints what README says", () => {
  const readme = readFileSync(new URL('README.md', ROOT), 'utf8');
  const code = /```js\n([\s\S]*?)```/.exec(readme)?.[1] as string;
  const expected = [...code.matchAll(/\/\/ (\S.*)$/gm)]
    .map((m) => m[1] as string)
    .filter((c) => !c.startsWith('or '));
  const dir = mkdtempSync(join(tmpdir(), 'kevlar-readme-'));
  const library = new URL('src/host/node/index.ts', ROOT).href;
  const file = join(dir, 'example.mjs');
  writeFileSync(file, code.replace("'kevlar-jit'", JSON.stringify(library)));
  const out = execFileSync(process.execPath, ['--import', 'tsx', file], {
    cwd: new URL('.', ROOT),
    encoding: 'utf8',
  });
  rmSync(dir, { recursive: true });
  assert.equal(out.trim().split(/\n+/), expected);
});

test('streams, files, signals and exit status', async () => {
  const machine = boot({ memory: 128 * 1024 * 1024 });
  machine.files.write('/tmp/in', 'from outside\n');
  const cat = machine.spawn(
    ['sh', '-c', 'cat /tmp/in; cat; echo err >&2; echo $V > /tmp/out; exit 3'],
    {
      env: { V: 'wörld' },
      cwd: '/tmp',
    },
  );
  const writer = cat.stdin.getWriter();
  await writer.write(new TextEncoder().encode('typed\n'));
  await writer.close();
  assert.is(await text(cat.stdout), 'from outside\ntyped\n');
  assert.is(await text(cat.stderr), 'err\n');
  assert.equal(await cat.exited, { code: 3, signal: 0 });
  assert.is(machine.files.readText('/tmp/out'), 'wörld\n');
  assert.equal(machine.files.list('/tmp').sort(), ['in', 'out']);
  assert.throws(() => machine.files.read('/nowhere'), /ENOENT/);
  assert.throws(() => machine.spawn(['no-such-program']), /ENOENT/);
  const sleep = machine.spawn(['sleep', '100']);
  sleep.kill(15);
  assert.equal(await sleep.exited, { code: 143, signal: 15 });
  machine.stop();
});

test('a program that waits for ever ends when the machine stops', async () => {
  const machine = boot({ memory: 64 * 1024 * 1024 });
  const cat = machine.spawn(['sh', '-c', 'mkfifo /tmp/f; echo ready; exec cat /tmp/f']);
  const output = cat.stdout.getReader();
  await output.read();
  let ended = false;
  cat.exited.then(() => {
    ended = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.not.ok(ended);
  machine.stop();
  assert.equal(await cat.exited, { code: 137, signal: 9 });
  assert.ok((await output.read()).done);
});

test('much output waits for its reader', async () => {
  const machine = boot({ memory: 64 * 1024 * 1024 });
  const yes = machine.spawn(['sh', '-c', 'yes 0123456789 | head -c 3000000']);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.is((await text(yes.stdout)).length, 3_000_000);
  assert.is((await yes.exited).code, 0);
  machine.stop();
});

test('a machine that was stopped is collected', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const run = async (script: string): Promise<WeakRef<object>> => {
    const machine = boot({ memory: 64 * 1024 * 1024 });
    const sh = machine.spawn(['sh', '-c', script]);
    assert.is(await text(sh.stdout), 'done\n');
    await sh.exited;
    assert.throws(() => machine.files.read('/nowhere'), /ENOENT/);
    assert.throws(() => machine.spawn(['no-such-program']), /ENOENT/);
    machine.stop();
    return new WeakRef(machine.machine);
  };
  const machines = [
    await run(
      'cat /nowhere; echo x > /proc/version; mkdir /tmp; rmdir /; cd /etc/passwd; echo done',
    ),
    await run(
      'sleep 0.1 & wait; mkfifo /tmp/f; cat /tmp/f & kill $!; yes | head -1 >&2; echo done',
    ),
  ];
  // Streams let go in turns of the event loop, and a loaded computer takes its time.
  for (let i = 0; i < 100 && machines.some((m) => m.deref() !== undefined); i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    collect();
  }
  assert.equal(
    machines.map((m) => m.deref() === undefined),
    [true, true],
  );
});

test('the browser adapter boots the image from bytes', async () => {
  const packed = readFileSync(new URL('images/bundled.ext4.br', ROOT));
  const machine = await bootInBrowser({
    image: new Uint8Array(brotliDecompressSync(packed)),
    memory: 64 * 1024 * 1024,
    audit: AUDIT,
  });
  const echo = machine.spawn(['echo', 'in a page']);
  assert.is(await text(echo.stdout), 'in a page\n');
  machine.stop();
});
