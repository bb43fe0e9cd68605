/**
 * The real process, with an image that it may write, is killed by SIGKILL at random moments, while a program in the
 * guest saves files and says what is durable. All that it said is there afterwards, e2fsck finds nothing, and the next
 * run goes on with the same image. KEVLAR_EXT4_KILLS says how many times.
 */

import { spawn } from 'node:child_process';
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { FileBlockDevice } from '../../src/host/node/file-block-device.ts';
import { checkExt4 } from '../../src/kernel/fs/ext4/check.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { CLI, scratch } from '../cli/cli.ts';
import { compile, haveCompiler, readBinary } from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';
import { haveE2fsprogs, latin1, readFile, tool, writeFile } from './tools.ts';

const KILLS = Number(process.env['KEVLAR_EXT4_KILLS'] ?? 4);
const SIZE = 64 << 20;
/** After the first line, this long at most. */
const LIFE_MS = 700;
const START_MS = 240_000;

const test = suite('ext4 and SIGKILL', { timeout: 3_600_000 });

function makeImage(path: string): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, SIZE);
  closeSync(fd);
  const device = new FileBlockDevice(path);
  createExt4(device, { blank: true });
  const fs = Ext4FileSystem.open(device);
  const program = fs.root.create('keeps-saving', 0o100755, 0, 0, 0) as Ext4Inode;
  writeFile(program, 0, readBinary(compile('keeps-saving')));
  fs.close();
  device.close();
}

/** Runs it and kills it. @returns what it printed */
function runAndKill(image: string, directory: string): Promise<string> {
  const args = ['run', '--image', image, '--save', '--', '/keeps-saving', directory];
  const child = spawn(CLI[0]!, [...CLI.slice(1), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  let timer = setTimeout(() => child.kill('SIGKILL'), START_MS);
  child.stderr.setEncoding('latin1').on('data', (text: string) => {
    err += text;
  });
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    if (out === '') {
      clearTimeout(timer);
      timer = setTimeout(() => child.kill('SIGKILL'), Math.random() * LIFE_MS);
    }
    out += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (signal === 'SIGKILL' && out !== '') resolve(out);
      else
        reject(
          new Error(
            `ended by itself, or never began: ${status} ${signal} ${out.slice(-200)} ${err}`,
          ),
        );
    });
  });
}

const content = (n: number): string => String.fromCharCode(65 + (n % 26)).repeat(n);

/** All that the program said is durable is there. @returns how many files that are */
function compare(root: Ext4Inode, directory: string, said: string): number {
  const dir = root.lookup(directory) as Ext4Inode;
  const lines = said.slice(0, said.lastIndexOf('\n')).split('\n');
  const slots = new Map<number, number>();
  let last = 0;
  let compared = 0;
  const kept = new Set<number>();
  for (const line of lines) {
    const [what, a, b] = line.split(' ');
    if (what === 'SYNCED') kept.add(Number(a));
    else slots.set(Number(a), Number(b));
    last = Number(b ?? a);
  }
  for (const n of kept) {
    // The program removes old ones, up to two steps further than what it said last.
    const removed = Array.from({ length: last + 4 }, (_, i) => i).some(
      (i) => i > 40 && i % 2 === 0 && i - 39 - ((i - 39) % 3) === n,
    );
    if (removed) continue;
    const inode = dir.lookup(`f${n}`) as Ext4Inode | null;
    assert.ok(inode !== null, `f${n} is gone`);
    assert.ok(latin1(readFile(inode!)) === content(n), `f${n} differs`);
    compared++;
  }
  for (const [slot, n] of slots) {
    const inode = dir.lookup(`slot${slot}`) as Ext4Inode | null;
    assert.ok(inode !== null, `slot${slot} is gone`);
    const data = latin1(readFile(inode!));
    assert.ok(data === content(data.length) && data.length >= n, `slot${slot} is torn`);
    compared++;
  }
  return compared;
}

const NAME = 'whenever it is killed, what was said to be durable is there';
if (!haveCompiler('musl-gcc')) test.skip(NAME, 'musl-gcc is not installed');
else {
  test(NAME, async () => {
    const image = join(scratch(), 'disk.ext4');
    let files = 0;
    let replayed = 0;
    makeImage(image);
    for (let i = 0; i < KILLS; i++) {
      if (i % 20 === 19) makeImage(image);
      const said = await runAndKill(image, `/run${i}`);
      const device = new FileBlockDevice(image);
      const fs = Ext4FileSystem.open(device, {
        log: (line) => {
          assert.match(line, /journal replayed/);
          replayed++;
        },
      });
      files += compare(fs.root, `run${i}`, said);
      fs.close();
      assert.equal(checkExt4(device).problems, []);
      device.close();
      if (haveE2fsprogs) {
        const r = tool('e2fsck', ['-fn', image]);
        assert.is(r.status, 0, r.out);
      }
      if (i % 25 === 24) console.log(`${i + 1} kills`);
    }
    assert.ok(replayed > 0);
    console.log(`${KILLS} kills, ${replayed} with a journal to replay; ${files} files compared`);
  });
}
