/**
 * Of many files few inodes are in memory; what somebody uses of them stays: files without names, mappings, working
 * directories, locks, sockets and pipes by name.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { mountAll } from '../../src/host/mounts.ts';
import { nodeHost } from '../../src/host/node/platform.ts';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { Machine } from '../../src/machine/machine.ts';
import {
  compile,
  haveCompiler,
  putFile,
  readBinary,
  runInMachine,
  runNative,
} from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';
import { bytesOf, inTemp, latin1, mustBeClean, readFile, touch, writeFile } from './tools.ts';

const MIB = 1 << 20;
const FILES = 40_000;
/** What may be in memory of them. */
const MOST = 20_000;

const test = suite('ext4 inodes in memory', { timeout: 240_000 });

/** Lets go of what the running job has looked at, and collects garbage. */
async function collect(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

function empty(): Ext4FileSystem {
  const device = new MemoryBlockDevice(256 * MIB);
  createExt4(device, { blank: true });
  return Ext4FileSystem.open(device);
}

test('of many files few are in memory, and what is held is found again as itself', async () => {
  const fs = empty();
  const held = touch(fs.root, 'held');
  writeFile(held, 0, bytesOf('content'));
  held.forgetPages();
  const opened = touch(fs.root, 'opened');
  opened.retain();
  writeFile(opened, 0, bytesOf('kept'));
  fs.root.link('second', opened);
  fs.root.unlink('opened');
  fs.root.unlink('second');
  const ino = held.ino;
  for (let i = 0; i < FILES; i++) {
    touch(fs.root, `file ${i}`);
    if (i % 1000 === 999) await collect();
    assert.ok(fs.inodes.size <= 8193, `${fs.inodes.size} inodes`);
  }
  assert.ok(fs.inodes.known < MOST, `${fs.inodes.known} are known`);
  assert.ok(fs.root.lookup('held') === held, 'the object that somebody holds');
  fs.root.link('again', held);
  for (let i = 0; i < FILES; i++) {
    const inode = fs.root.lookup(`file ${(i * 7919) % FILES}`) as Ext4Inode;
    assert.ok(inode.nlink === 1 && inode.size === 0);
    if (i % 1000 === 999) await collect();
  }
  assert.ok(fs.inodes.known < MOST, `${fs.inodes.known} are known`);
  assert.is(fs.inode(ino).nlink, 2);
  assert.is(latin1(readFile(fs.inode(ino))), 'content');
  assert.is(latin1(readFile(opened)), 'kept');
  assert.is(opened.nlink, 0);
  opened.release();
  assert.ok(opened.disk.isFreed);
  const free = fs.statfs().ffree;
  for (let i = 0; i < FILES; i++) fs.root.unlink(`file ${i}`);
  assert.is(fs.statfs().ffree, free + FILES);
  fs.close();
  mustBeClean(fs.volume.disk.device);
});

test('files with dirty pages stay, and are written', () => {
  const fs = empty();
  for (let i = 0; i < 9000; i++) writeFile(touch(fs.root, `file ${i}`), 0, bytesOf(`content ${i}`));
  fs.close();
  const again = Ext4FileSystem.open(fs.volume.disk.device);
  for (let i = 0; i < 9000; i += 7)
    assert.is(latin1(readFile(again.root.lookup(`file ${i}`) as Ext4Inode)), `content ${i}`);
  again.close();
  mustBeClean(fs.volume.disk.device);
});

const NAME = 'what is in use stays as it is while others come and go, as natively';
if (!haveCompiler('musl-gcc')) test.skip(NAME, 'musl-gcc is not installed');
else {
  test(NAME, () => {
    const program = compile('many-inodes');
    const native = inTemp((dir) => runNative(program, [dir, String(MOST)]));
    const device = new MemoryBlockDevice(256 * MIB);
    createExt4(device, { blank: true });
    const log: string[] = [];
    const machine = new Machine({
      memory: 64 * MIB,
      engine: 'auto',
      host: nodeHost((line) => log.push(line)),
      audit: false,
    });
    const fs = mountAll(machine, { kind: 'image', device, save: true });
    putFile(machine, '/program', readBinary(program));
    const { output } = runInMachine(machine, '/program', ['/', String(MOST)], {}, log);
    assert.is(output, native.output);
    assert.match(output, /\ndone\n$/);
    fs.sync();
    mustBeClean(device);
  });
}
