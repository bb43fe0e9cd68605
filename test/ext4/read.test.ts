/**
 * Reading images that mke2fs made and filled: every file, link, attribute and time is what the host
 * has, for each layout that e2fsprogs can make and we claim to read.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkExt4 } from '../../src/kernel/fs/ext4/check.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import { assert, suite } from '../lib/suite.ts';
import {
  inTemp,
  latin1,
  load,
  mke2fs,
  names,
  pattern,
  readFile,
  store,
  tool,
  touch,
  walk,
  withTools,
  writeFile,
} from './tools.ts';
import { compareTree, makeTree } from './trees.ts';

const test = suite('ext4 reading');
const tooled = withTools(test);

const LAYOUTS: Readonly<Record<string, readonly string[]>> = {
  defaults: ['-t', 'ext4'],
  '1 KiB blocks': ['-t', 'ext4', '-b', '1024'],
  '2 KiB blocks, 128-byte inodes': ['-t', 'ext4', '-b', '2048', '-I', '128'],
  'no checksums': ['-t', 'ext4', '-O', '^metadata_csum,^64bit'],
  uninit_bg: ['-t', 'ext4', '-O', '^metadata_csum,uninit_bg,^64bit'],
  'uninit_bg, 64bit': ['-t', 'ext4', '-O', '^metadata_csum,uninit_bg,64bit'],
  meta_bg: ['-t', 'ext4', '-b', '1024', '-O', 'meta_bg,^resize_inode'],
  'no flex_bg, no journal': ['-t', 'ext4', '-O', '^flex_bg,^has_journal'],
  metadata_csum_seed: ['-t', 'ext4', '-O', 'metadata_csum_seed'],
  sparse_super2: ['-t', 'ext4', '-O', 'sparse_super2,^resize_inode'],
  inline_data: ['-t', 'ext4', '-O', 'inline_data', '-I', '256'],
  ext2: ['-t', 'ext2'],
  'ext3, 1 KiB blocks': ['-t', 'ext3', '-b', '1024'],
};

for (const [name, args] of Object.entries(LAYOUTS)) {
  tooled(`reads a filled image: ${name}`, () => {
    inTemp((dir) => {
      const tree = join(dir, 'tree');
      mkdirSync(tree);
      makeTree(tree);
      mke2fs(join(dir, 'image'), 32, [...args, '-d', tree]);
      const log: string[] = [];
      const fs = Ext4FileSystem.open(load(join(dir, 'image')), {
        log: (l) => log.push(l),
        readOnly: true,
      });
      compareTree(fs.root, tree, !args.includes('128') && !args.includes('ext3'));
      assert.equal(log, []);
    });
  });
}

tooled('finds names in a directory that e2fsck has indexed, for every hash', () => {
  for (const hash of ['legacy', 'half_md4', 'tea']) {
    for (const sign of ['1', '2']) {
      inTemp((dir) => {
        const tree = join(dir, 'tree');
        mkdirSync(tree);
        for (let i = 0; i < 900; i++)
          writeFileSync(join(tree, `n${i}-${'\u00e9\u00ff'.repeat(i % 9)}`), '');
        const image = join(dir, 'image');
        mke2fs(image, 16, ['-t', 'ext4', '-b', '1024', '-N', '2000', '-d', tree]);
        tool('tune2fs', ['-E', `hash_alg=${hash}`, image]);
        tool('debugfs', ['-w', '-R', `ssv flags ${sign}`, image]);
        const r = tool('e2fsck', ['-fyD', image]);
        assert.ok((r.status ?? 8) < 4, r.out);
        const fs = Ext4FileSystem.open(load(image), { readOnly: true });
        const listed = names(fs.root).filter((n) => n.startsWith('n'));
        assert.is(listed.length, 900);
        assert.ok(fs.root.disk.flags & 0x1000, 'has an index');
        for (const name of listed)
          assert.ok(fs.root.lookup(name) !== null, `${hash}/${sign} ${name}`);
        assert.is(fs.root.lookup('n900'), null);
      });
    }
  }
});

tooled('continues a listing at any position', () => {
  inTemp((dir) => {
    const tree = join(dir, 'tree');
    makeTreeOf(tree, 400);
    const image = join(dir, 'image');
    mke2fs(image, 16, ['-t', 'ext4', '-b', '1024', '-d', tree]);
    for (const optimize of [false, true]) {
      if (optimize) tool('e2fsck', ['-fyD', image]);
      const { root } = Ext4FileSystem.open(load(image), { readOnly: true });
      const all = names(root);
      const got: string[] = [];
      let from = 0;
      for (let more = true; more; ) {
        let n = 0;
        more = false;
        root.readdir(from, (e) => {
          if (n++ === 7) {
            more = true;
            return false;
          }
          got.push(e.name);
          from = e.next;
          return true;
        });
      }
      assert.equal(got.sort(), all);
    }
  });
});

function makeTreeOf(tree: string, files: number): void {
  mkdirSync(tree);
  for (let i = 0; i < files; i++) writeFileSync(join(tree, `entry-${i}`), '');
}

tooled('reads extended attributes and lists of access rights', () => {
  inTemp((dir) => {
    const image = join(dir, 'image');
    mke2fs(image, 16, ['-t', 'ext4']);
    writeFileSync(join(dir, 'f'), 'x');
    writeFileSync(join(dir, 'long'), 'v'.repeat(900));
    const script = `write ${dir}/f f\nea_set f user.short abc\nea_set -f ${dir}/long f user.long\nea_set f trusted.t 1\n`;
    writeFileSync(join(dir, 'script'), script);
    tool('debugfs', ['-w', '-f', join(dir, 'script'), image]);
    const fs = Ext4FileSystem.open(load(image), { readOnly: true });
    const f = walk(fs, 'f');
    assert.equal(f.listxattr().sort(), ['trusted.t', 'user.long', 'user.short']);
    assert.is(latin1(f.getxattr('user.short')!), 'abc');
    assert.is(f.getxattr('user.long')!.length, 900);
    assert.is(f.getxattr('user.none'), null);
  });
});

tooled('reads attributes whose values are inodes', () => {
  inTemp((dir) => {
    const image = join(dir, 'image');
    mke2fs(image, 16, ['-t', 'ext4', '-b', '1024', '-O', 'ea_inode']);
    writeFileSync(join(dir, 'f'), 'x');
    const value = Buffer.from(pattern(512, 1)).toString('hex');
    writeFileSync(join(dir, 'long'), value);
    const script = `write ${dir}/f f\nea_set -f ${dir}/long f user.long\nea_set f user.short s\n`;
    tool('debugfs', ['-w', '-f', '-', image], script);
    // debugfs does not count the value's blocks.
    tool('e2fsck', ['-fy', image]);
    const log: string[] = [];
    const device = load(image);
    const fs = Ext4FileSystem.open(device, { log: (l) => log.push(l) });
    assert.equal(log, ['ext4: mounted read-only: it uses ea_inode']);
    const f = walk(fs, 'f');
    assert.equal(f.listxattr().sort(), ['user.long', 'user.short']);
    assert.ok(latin1(f.getxattr('user.long')!) === value, 'the value differs');
    assert.is(latin1(f.getxattr('user.short')!), 's');
    assert.equal(checkExt4(device).problems, []);
    const place =
      1024 *
      Number(/\(\d+(?:-\d+)?\):(\d+)/.exec(tool('debugfs', ['-R', 'stat <13>', image]).out)![1]);
    device.write(place, Uint8Array.of(1, 2, 3));
    const again = walk(Ext4FileSystem.open(device), 'f');
    assert.throws(() => again.getxattr('user.long'), /EUCLEAN/);
  });
});

tooled('what it can only read it reads, says why, and leaves the image alone', () => {
  const content = 'content of a file\n';
  const kinds: readonly (readonly [
    feature: string,
    options: readonly string[],
    debugfs: string,
  ])[] = [
    ['orphan_present', ['-O', 'orphan_file'], 'feature orphan_present'],
    ['inline_data', ['-O', 'inline_data'], 'feature'],
    ['ea_inode', ['-O', 'ea_inode'], 'feature'],
    ['quota', ['-O', 'quota'], 'feature'],
    ['project', ['-O', 'project,quota'], 'feature'],
    ['verity', ['-O', 'verity'], 'feature'],
    ['shared_blocks', [], 'feature shared_blocks'],
  ];
  inTemp((dir) => {
    const tree = join(dir, 'tree');
    mkdirSync(join(tree, 'sub'), { recursive: true });
    writeFileSync(join(tree, 'sub', 'file'), content);
    for (const [feature, options, command] of kinds) {
      const image = join(dir, 'image');
      mke2fs(image, 16, ['-t', 'ext4', '-I', '256', ...options, '-d', tree]);
      assert.is(tool('debugfs', ['-w', '-R', command, image]).status, 0);
      const device = load(image);
      const log: string[] = [];
      const fs = Ext4FileSystem.open(device, { log: (line) => log.push(line) });
      assert.match(log.join('\n'), new RegExp(`mounted read-only: .*${feature}`));
      assert.is(latin1(readFile(walk(fs, 'sub/file'))), content, feature);
      const refused: (() => void)[] = [
        () => touch(fs.root, 'new'),
        () => walk(fs, 'sub').unlink('file'),
        () => walk(fs, 'sub').rename('file', fs.root, 'file', 0),
        () => walk(fs, 'sub/file').setattr({ size: 1 }),
        () => walk(fs, 'sub/file').setattr({ mode: 0o100600 }),
        () => walk(fs, 'sub/file').setxattr('user.x', new Uint8Array(1), 0),
        () => walk(fs, 'sub/file').setAttributeFlags(walk(fs, 'sub/file').attributeFlags | 0x10),
        () => writeFile(walk(fs, 'sub/file'), 0, new Uint8Array(10)),
      ];
      for (const action of refused) assert.throws(action, /EROFS/, `${feature}: ${action}`);
      fs.close();
      store(device, join(dir, 'after'));
      assert.ok(readFileSync(join(dir, 'after')).equals(readFileSync(image)), feature);
    }
  });
});

tooled('refuses what it does not know by name', () => {
  inTemp((dir) => {
    const image = join(dir, 'image');
    mke2fs(image, 16, ['-t', 'ext4', '-O', 'casefold']);
    assert.throws(() => Ext4FileSystem.open(load(image)), /not supported: casefold/);
    mke2fs(image, 16, ['-t', 'ext4', '-O', 'encrypt']);
    assert.throws(() => Ext4FileSystem.open(load(image)), /not supported: encrypt/);
    mke2fs(image, 16, ['-t', 'ext4', '-O', 'bigalloc']);
    assert.throws(() => Ext4FileSystem.open(load(image)), /bigalloc/);
    mke2fs(image, 16, ['-t', 'ext4', '-O', 'quota']);
    const log: string[] = [];
    const fs = Ext4FileSystem.open(load(image), { log: (l) => log.push(l) });
    assert.ok(fs.readOnly);
    assert.match(log.join(), /read-only: it uses quota/);
  });
});
