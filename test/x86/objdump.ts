/** Runs objdump over a binary: the addresses, bytes and mnemonics of its instructions. */

import { spawnSync } from 'node:child_process';

export interface Disassembled {
  readonly bytes: readonly number[];
  readonly text: string;
}

export function haveObjdump(): boolean {
  return spawnSync('objdump', ['--version']).status === 0;
}

/** @param args what to disassemble: a file, or options for raw bytes and a file */
export function disassemble(args: readonly string[]): Disassembled[] {
  const r = spawnSync('objdump', ['-d', '-w', '-z', '--insn-width=16', ...args], {
    encoding: 'latin1',
    maxBuffer: 1 << 30,
  });
  if (r.status !== 0) throw new Error(`objdump failed: ${r.stderr}`);
  const out: Disassembled[] = [];
  for (const line of r.stdout.split('\n')) {
    const m = /^\s*[0-9a-f]+:\t((?:[0-9a-f]{2} )+)\s*\t?(.*)$/.exec(line);
    if (m === null) continue;
    const bytes = (m[1] as string).trim().split(' ');
    out.push({ bytes: bytes.map((b) => Number.parseInt(b, 16)), text: m[2] as string });
  }
  return out;
}
