/**
 * Every operation on names, over a set of names of all kinds, here and on this computer's own kernel: the
 * results and the trees afterwards must be the same.
 */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, suite } from '../../lib/suite.ts';
import { walk } from '../../lib/walk.ts';
import { Machine, type User } from './harness.ts';

const test = suite('operations on names, compared with this kernel');

const NAMES = [
  'missing',
  'file',
  'file2',
  'empty',
  'full',
  'full/inner',
  'full/sub',
  'tofile',
  'todir',
  'dangling',
  'loop',
  'file/',
  'empty/',
  'full/',
  'missing/',
  'tofile/',
  'todir/',
  'dangling/',
  '.',
  '..',
  'full/.',
  'full/..',
  'file/x',
  'missing/x',
  'todir/inner',
  'full/sub/..',
  '/',
  `${'n'.repeat(255)}`,
  `${'n'.repeat(256)}`,
  'hard',
  'todir/.',
  'empty/new',
  'full/sub/new',
  'dangling/x',
];

function build(
  mkdir: (n: string) => void,
  write: (n: string) => void,
  symlink: (t: string, n: string) => void,
  link: (a: string, b: string) => void,
): void {
  mkdir('empty');
  mkdir('full');
  mkdir('full/sub');
  write('file');
  write('file2');
  write('full/inner');
  symlink('file', 'tofile');
  symlink('full', 'todir');
  symlink('nowhere', 'dangling');
  symlink('loop', 'loop');
  link('file', 'hard');
}

type Result = number | string;

class Native {
  readonly top = fs.mkdtempSync(join(tmpdir(), 'kevlar-names-'));
  readonly root = join(this.top, 'w');

  constructor() {
    fs.mkdirSync(this.root);
    build(
      (n) => fs.mkdirSync(this.p(n)),
      (n) => fs.writeFileSync(this.p(n), n),
      (t, n) => fs.symlinkSync(t, this.p(n)),
      (a, b) => fs.linkSync(this.p(a), this.p(b)),
    );
  }

  /** Not join(): that would resolve dots and slashes. */
  p(name: string): string {
    return name === '/' ? '/' : `${this.root}/${name}`;
  }

  run(work: () => unknown): Result {
    try {
      work();
      return 0;
    } catch (e) {
      const { errno } = e as NodeJS.ErrnoException;
      if (errno === undefined) throw e;
      return errno;
    }
  }

  tree(): string[] {
    const all = walk(this.top);
    return all
      .map((e) => {
        const path = join(e.parentPath, e.name);
        const st = fs.lstatSync(path);
        const kind = e.isSymbolicLink()
          ? `-> ${fs.readlinkSync(path)}`
          : e.isDirectory()
            ? 'dir'
            : `${st.nlink} ${fs.readFileSync(path, 'latin1')}`;
        return `${path.slice(this.top.length)} ${kind}`;
      })
      .sort();
  }
}

class Guest {
  readonly u: User = new Machine().user();

  constructor() {
    const { u } = this;
    u.call('mkdir', '/w', 0o755);
    build(
      (n) => u.call('mkdir', `/w/${n}`, 0o755),
      (n) => u.save(`/w/${n}`, n),
      (t, n) => u.call('symlink', t, `/w/${n}`),
      (a, b) => u.call('link', `/w/${a}`, `/w/${b}`),
    );
  }

  p(name: string): string {
    return name === '/' ? '/' : `/w/${name}`;
  }

  tree(dir = '', out: string[] = []): string[] {
    const { u } = this;
    for (const name of u.list(dir === '' ? '/' : dir)) {
      const path = `${dir}/${name}`;
      const st = u.stat(path);
      if (typeof st === 'number') throw new Error(path);
      const type = st.mode & 0o170000;
      if (type === 0o120000) out.push(`${path} -> ${u.readlink(path)}`);
      else if (type === 0o040000) {
        out.push(`${path} dir`);
        this.tree(path, out);
      } else out.push(`${path} ${st.nlink} ${u.cat(path)}`);
    }
    return out.sort();
  }
}

/** Runs one operation in fresh trees on both sides. `dirty` trees are rebuilt. */
function compare(
  label: string,
  native: (n: Native) => Result,
  guest: (g: Guest) => Result,
  pair: { n: Native; g: Guest },
): { n: Native; g: Guest } {
  const expected = native(pair.n);
  const got = guest(pair.g);
  assert.is(got, expected, `${label}: ${got}, natively ${expected}`);
  if (expected !== 0) return pair;
  assert.equal(pair.g.tree(), pair.n.tree(), label);
  fs.rmSync(pair.n.top, { recursive: true });
  return { n: new Native(), g: new Guest() };
}

function oneName(
  op: string,
  native: (n: Native, path: string) => unknown,
  guest: (u: User, path: string) => number,
): void {
  test(op, () => {
    let pair = { n: new Native(), g: new Guest() };
    for (const name of NAMES) {
      if (name === '/' && op.startsWith('open')) continue;
      pair = compare(
        `${op} ${name.slice(0, 20)}`,
        (n) => n.run(() => native(n, n.p(name))),
        (g) => {
          const r = guest(g.u, g.p(name));
          return r > 0 ? 0 : r;
        },
        pair,
      );
    }
    fs.rmSync(pair.n.top, { recursive: true });
  });
}

function twoNames(
  op: string,
  native: (a: string, b: string) => unknown,
  guest: (u: User, a: string, b: string) => number,
): void {
  test(op, () => {
    let pair = { n: new Native(), g: new Guest() };
    for (const a of NAMES) {
      for (const b of NAMES) {
        pair = compare(
          `${op} ${a.slice(0, 20)} ${b.slice(0, 20)}`,
          (n) => n.run(() => native(n.p(a), n.p(b))),
          (g) => guest(g.u, g.p(a), g.p(b)),
          pair,
        );
      }
    }
    fs.rmSync(pair.n.top, { recursive: true });
  });
}

oneName(
  'mkdir',
  (_n, p) => fs.mkdirSync(p),
  (u, p) => u.call('mkdir', p, 0o755),
);
oneName(
  'rmdir',
  (_n, p) => fs.rmdirSync(p),
  (u, p) => u.call('rmdir', p),
);
oneName(
  'unlink',
  (_n, p) => fs.unlinkSync(p),
  (u, p) => u.call('unlink', p),
);
oneName(
  'symlink',
  (_n, p) => fs.symlinkSync('t', p),
  (u, p) => u.call('symlink', 't', p),
);
oneName(
  'readlink',
  (_n, p) => fs.readlinkSync(p),
  (u, p) => {
    const r = u.readlink(p);
    return typeof r === 'number' ? r : 0;
  },
);
oneName(
  'stat',
  (_n, p) => fs.statSync(p),
  (u, p) => u.call('stat', p, u.space(144)),
);
oneName(
  'lstat',
  (_n, p) => fs.lstatSync(p),
  (u, p) => u.call('lstat', p, u.space(144)),
);
oneName(
  'truncate',
  (_n, p) => fs.truncateSync(p, 3),
  (u, p) => u.call('truncate', p, 3),
);
oneName(
  'chdir',
  (_n, p) => {
    const before = process.cwd();
    process.chdir(p);
    process.chdir(before);
  },
  (u, p) => u.call('chdir', p),
);
const C = fs.constants;
const OPENS: Record<string, number> = {
  rdonly: 0,
  rdwr: C.O_RDWR,
  'wronly trunc': C.O_WRONLY | C.O_TRUNC,
  creat: C.O_WRONLY | C.O_CREAT,
  'creat rdonly': C.O_CREAT,
  'creat excl': C.O_RDWR | C.O_CREAT | C.O_EXCL,
  'creat nofollow': C.O_RDWR | C.O_CREAT | C.O_NOFOLLOW,
  nofollow: C.O_NOFOLLOW,
  directory: C.O_DIRECTORY,
  'directory nofollow': C.O_DIRECTORY | C.O_NOFOLLOW,
  'directory rdwr': C.O_DIRECTORY | C.O_RDWR,
  'directory creat': C.O_DIRECTORY | C.O_CREAT,
  path: 0o10000000,
  'path nofollow': 0o10000000 | C.O_NOFOLLOW,
  tmpfile: 0o20200000 | C.O_RDWR,
  'tmpfile rdonly': 0o20200000,
};
for (const [label, flags] of Object.entries(OPENS)) {
  oneName(
    `open ${label}`,
    (_n, p) => fs.closeSync(fs.openSync(p, flags, 0o644)),
    (u, p) => {
      const fd = u.open(p, flags, 0o644);
      if (fd >= 0) u.call('close', fd);
      return fd;
    },
  );
}
twoNames(
  'rename',
  (a, b) => fs.renameSync(a, b),
  (u, a, b) => u.call('rename', a, b),
);
twoNames(
  'link',
  (a, b) => fs.linkSync(a, b),
  (u, a, b) => u.call('link', a, b),
);
