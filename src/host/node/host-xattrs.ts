/**
 * Extended attributes of the host's files. Node has no calls for them; getfattr(1) of package `attr`, or Python, reads
 * those of a whole tree at once, and setfattr(1), or Python, sets those of one file.
 */

import { spawnSync } from 'node:child_process';

/** Name and value of an attribute; names are Latin-1 bytes. */
export type HostXattr = readonly [name: string, value: Uint8Array];

/** Attributes by path below the root, "" for the root itself; Latin-1 bytes. */
export type HostXattrs = ReadonlyMap<string, readonly HostXattr[]>;

const MAX_OUTPUT = 1 << 30;
/** Those of other namespaces mean something to their own file system only. */
export const KEPT: RegExp = /^(user\.|trusted\.|security\.|system\.posix_acl_(access|default)$)/;

/** getfattr's output, by Python where getfattr is not installed. */
const SCRIPT = `
import os, sys
def quoted(name): return b''.join(b'\\\\%03o' % c if c in b'\\n\\r\\\\=' else bytes([c]) for c in name)
def show(path):
    try: names = os.listxattr(path, follow_symlinks=False)
    except OSError as e:
        if e.errno == 95: return
        raise
    print_ = sys.stdout.buffer.write
    if names: print_(b'# file: ' + quoted(path) + b'\\n')
    for name in names:
        value = os.getxattr(path, name, follow_symlinks=False)
        print_(quoted(os.fsencode(name)) + b'=0x' + value.hex().encode() + b'\\n')
root = os.fsencode(sys.argv[1])
show(root)
for at, directories, files in os.walk(root):
    for name in directories + files: show(os.path.join(at, name))
`;

const READERS: readonly (readonly string[])[] = [
  ['getfattr', '-R', '-P', '-h', '--absolute-names', '-d', '-m', '-', '-e', 'hex', '--'],
  ['python3', '-c', SCRIPT],
];

/** @returns the attributes of `root` and all below it, or why they cannot be read */
export function readXattrs(root: string): HostXattrs | string {
  for (const [program = '', ...args] of READERS) {
    const r = spawnSync(program, [...args, root], {
      encoding: 'latin1',
      maxBuffer: MAX_OUTPUT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    if ((r.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') continue;
    if (r.error !== undefined) return r.error.message;
    const lines = r.stderr.trim().split('\n');
    const wrong = lines.filter((line) => line !== '' && !/not supported$/i.test(line));
    if (wrong.length > 0) return wrong.at(-1) as string;
    return parse(r.stdout, Buffer.from(root).toString('latin1').length);
  }
  return 'neither getfattr (package attr) nor python3 is installed';
}

/** "# file: PATH", then "NAME=0xHEX" for each attribute, then an empty line. */
function parse(text: string, rootLength: number): HostXattrs {
  const all = new Map<string, HostXattr[]>();
  let current: HostXattr[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('# file: ')) {
      current = [];
      all.set(unquote(line.slice(8)).slice(rootLength).replace(/^\/+/, ''), current);
      continue;
    }
    const equals = line.indexOf('=');
    if (equals < 0) continue;
    const name = unquote(line.slice(0, equals));
    if (!KEPT.test(name)) continue;
    current.push([name, Buffer.from(line.slice(equals + 1).replace(/^0x/, ''), 'hex')]);
  }
  return all;
}

const SETTER = `
import os, sys
path = bytes.fromhex(sys.argv[1])
for line in sys.stdin:
    name, value = line.split(':')
    try: os.setxattr(path, bytes.fromhex(name), bytes.fromhex(value), follow_symlinks=False)
    except OSError as e: sys.exit(e.strerror)
`;

/** Programs that set attributes, with what they read. */
const WRITERS: readonly ((path: Buffer, xattrs: readonly HostXattr[]) => [string[], string])[] = [
  (path, xattrs) => {
    const lines = xattrs.map(([name, value]) => `${quote(name)}=${hexValue(value)}\n`);
    const input = `# file: ${quote(path.toString('latin1'))}\n${lines.join('')}\n`;
    return [['setfattr', '-h', '--restore=-'], input];
  },
  (path, xattrs) => {
    const lines = xattrs.map(
      ([name, value]) => `${hex(Buffer.from(name, 'latin1'))}:${hex(value)}\n`,
    );
    return [['python3', '-c', SETTER, hex(path)], lines.join('')];
  },
];

/** Sets attributes of a file, not of what it leads to. @returns why not all of them could be set, or null */
export function writeXattrs(path: Buffer, xattrs: readonly HostXattr[]): string | null {
  for (const writer of WRITERS) {
    const [[program = '', ...args], input] = writer(path, xattrs);
    const r = spawnSync(program, args, {
      input: Buffer.from(input, 'latin1'),
      encoding: 'latin1',
      env: { ...process.env, LC_ALL: 'C' },
    });
    if ((r.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') continue;
    if (r.error !== undefined) return r.error.message;
    if (r.status === 0) return null;
    // "setfattr: PATH: what was wrong"
    return r.stderr.trim().split('\n').at(-1)?.replace(/^.*: /, '') || `${program} failed`;
  }
  return 'neither setfattr (package attr) nor python3 is installed';
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** setfattr takes no value of no digits. */
function hexValue(value: Uint8Array): string {
  return value.length === 0 ? '""' : `0x${hex(value)}`;
}

/** What `unquote` undoes. */
function quote(text: string): string {
  return text.replace(/[^!-<>-[\]-~]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** Backslash and three octal digits stand for a byte. */
function unquote(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
