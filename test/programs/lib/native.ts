/**
 * Runs scripts on the host's kernel in a chroot: private mount and pid namespaces, the root file
 * system unpacked into a tmpfs that vanishes with them. Needs root.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENV, type Outcome, SCRIPT_ARGV, type Script } from './scripts.ts';

/** Where a native root comes from: a shell command that fills "$root". */
export interface NativeRoot {
  readonly fill: string;
}

export function tarRoot(path: string): NativeRoot {
  return { fill: `tar xf ${quote(path)} -C "$root"` };
}

/** The contents of an ext4 image (e2fsprogs reads it: no loop device is needed). */
export function imageRoot(path: string): NativeRoot {
  return { fill: `debugfs -R "rdump / $root" ${quote(path)} 2>"$work/debugfs"` };
}

/** Why nothing can run natively here, or null. */
export function noNative(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'needs x86-64 Linux';
  if (process.getuid?.() !== 0) return 'native runs need root (chroot, mount)';
  const r = spawnSync('unshare', ['-m', '-p', '-f', 'mount', '-t', 'tmpfs', 'none', tmpdir()]);
  return r.status === 0 ? null : 'native runs need mount namespaces, which are not allowed here';
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Pipes, not the sockets that Node gives to children: /dev/stdout must open. */
const RUN = `
{ { env -i ENVIRONMENT chroot "$root" COMMAND 4>&- 5>&-; echo $? >&5; } 2>&4 5>"$work/status" | cat >"$work/stdout"; } 4>&1 | cat >"$work/stderr"
`;

/** With nothing of the tests' own environment that a program can see: also not their niceness. */
const SETUP = `
work=$1 root=$1/root
renice -n 0 -p $$ >/dev/null || exit 99
mount -t tmpfs -o mode=755 none "$root" || exit 99
FILL || exit 99
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" || exit 99
PREPARE || exit 99
`;

export interface NativeRun {
  readonly root: NativeRoot;
  readonly argv: readonly string[];
  /** Shell commands that put files into "$root" from "$work". */
  readonly prepare?: string;
  /** Shell commands afterwards, for what shall be kept of "$root" in "$work". */
  readonly after?: string;
  /** Files to put into "$work" first. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  readonly timeoutMs?: number;
}

/** Runs a command; `inspect` sees the working folder before it is removed. */
export function runNative(run: NativeRun, inspect: (work: string) => void = () => {}): Outcome {
  const work = mkdtempSync(join(tmpdir(), 'kevlar-native-'));
  try {
    mkdirSync(join(work, 'root'));
    for (const [name, bytes] of Object.entries(run.files ?? {})) {
      writeFileSync(join(work, name), bytes);
    }
    const environment = Object.entries(ENV).map(([k, v]) => quote(`${k}=${v}`));
    const shell = [
      SETUP.replace('FILL', () => run.root.fill).replace('PREPARE', () => run.prepare ?? ':'),
      RUN.replace('ENVIRONMENT', () => environment.join(' ')).replace('COMMAND', () =>
        run.argv.map(quote).join(' '),
      ),
      run.after ?? '',
    ].join('\n');
    writeFileSync(join(work, 'run.sh'), shell);
    const r = spawnSync(
      'unshare',
      ['-m', '-p', '-f', '--kill-child', '/bin/sh', join(work, 'run.sh'), work],
      { timeout: run.timeoutMs ?? 60_000, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' },
    );
    if (r.status !== 0) throw new Error(`native run failed (${r.status}): ${r.stderr}`);
    inspect(work);
    const read = (name: string): string => readFileSync(join(work, name), 'latin1');
    return { stdout: read('stdout'), stderr: read('stderr'), status: Number(read('status')) };
  } finally {
    rmSync(work, { recursive: true });
  }
}

export function runScriptNatively(script: Script, root: NativeRoot): Outcome {
  return runNative({
    root,
    argv: SCRIPT_ARGV,
    files: { 'script.sh': script.text },
    prepare: 'cp "$work/script.sh" "$root/script.sh" && mkdir -p "$root/tmp/w"',
  });
}
