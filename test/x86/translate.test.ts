/** Blocks, faults, traps and the instructions that the differential test leaves out. */

import { ENG_ERROR, ENG_FAULT_LO, ENG_VECTOR, RAM_BASE } from '../../src/common/layout.ts';
import { cpuFeatures, cpuid } from '../../src/frontend-x86/cpuid.ts';
import { readEflags, writeEflags } from '../../src/frontend-x86/flags.ts';
import { HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import { ROWS } from '../../src/frontend-x86/rows.ts';
import { X86_STATE } from '../../src/frontend-x86/state.ts';
import { type TranslateOptions, translateBlock } from '../../src/frontend-x86/translate.ts';
import { EXIT } from '../../src/ir/ops.ts';
import { newBench } from '../ir/harness.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('translation');
const bench = newBench(HELPERS, X86_STATE);
const { mem } = bench;
const CODE = RAM_BASE + 0x10000;
const DATA = RAM_BASE + 0x20000;
/** Of memory. */
const END = RAM_BASE + 0x200000;
/** Code can be fetched from one page only. */
const source = {
  U8: mem.U8,
  I32: mem.I32,
  fetch: (lo: number): number => {
    if (lo >>> 12 === CODE >>> 12) return lo;
    mem.I32[ENG_ERROR] = 0x14;
    return -1;
  },
};

function put(at: number, ...bytes: number[]): void {
  mem.U8.fill(0x90, CODE, CODE + 4096);
  mem.U8.set(bytes, at);
}

/** Runs the block of `bytes` at CODE. @returns the exit reason */
function run(bytes: readonly number[], options: TranslateOptions = {}): number {
  put(CODE, ...bytes);
  return bench.run(translateBlock(source, CODE, 0, options));
}

const rip = (): number => Number(bench.get('rip'));
const le32 = (v: number): number[] => [v & 255, (v >> 8) & 255, (v >> 16) & 255, (v >> 24) & 255];

test('SYSCALL leaves with rcx and r11', () => {
  writeEflags(mem.I32, 0x8d5 | 0x400);
  assert.is(run([0x0f, 0x05]), EXIT.syscall);
  assert.is(rip(), CODE + 2);
  assert.is(bench.get('rcx'), BigInt(CODE + 2));
  assert.is(Number(bench.get('r11')), 0x8d5 | 0x400 | 0x202);
});

test('INT3 and INT1 are traps, INT n and HLT are #GP faults', () => {
  assert.is(run([0x90, 0xcc]), EXIT.exception);
  assert.equal([mem.I32[ENG_VECTOR], rip()], [3, CODE + 2]);
  assert.is(run([0xf1]), EXIT.exception);
  assert.equal([mem.I32[ENG_VECTOR], rip()], [1, CODE + 1]);
  assert.is(run([0x90, 0xcd, 0x80]), EXIT.exception);
  assert.equal([mem.I32[ENG_VECTOR], mem.I32[ENG_ERROR], rip()], [13, 0x402, CODE + 1]);
  assert.is(run([0xf4]), EXIT.exception);
  assert.equal([mem.I32[ENG_VECTOR], mem.I32[ENG_ERROR], rip()], [13, 0, CODE]);
});

test('unknown opcodes, far calls of registers and LOCK in the wrong place are #UD', () => {
  for (const bytes of [[0x06], [0xf0, 0x90], [0xff, 0xd8], [0x62, 0, 0, 0, 0, 0]]) {
    assert.is(run([0x90, ...bytes]), EXIT.exception);
    assert.equal([mem.I32[ENG_VECTOR], rip()], [6, CODE + 1]);
  }
});

test('an instruction of more than 15 bytes is #GP', () => {
  assert.is(run([...new Array<number>(15).fill(0x66), 0x90]), EXIT.exception);
  assert.equal([mem.I32[ENG_VECTOR], rip()], [13, CODE]);
});

test('a block that cannot be fetched is its page fault, and is not to be kept', () => {
  const block = translateBlock(source, 0x5000, 0);
  assert.is(block.byteLength, 0);
  assert.is(bench.run(block), EXIT.exception);
  assert.equal(
    [mem.I32[ENG_VECTOR], mem.I32[ENG_ERROR], mem.I32[ENG_FAULT_LO], rip()],
    [14, 0x14, 0x5000, 0x5000],
  );
});

test('an instruction that runs into an unmapped page faults there', () => {
  const at = CODE + 4096 - 3;
  put(at, 0xb8, 1, 2);
  const block = translateBlock(source, at, 0);
  assert.is(block.byteLength, 0);
  assert.is(bench.run(block), EXIT.exception);
  assert.equal([mem.I32[ENG_VECTOR], mem.I32[ENG_FAULT_LO], rip()], [14, CODE + 4096, at]);
});

test('such an instruction ends the block before it', () => {
  const at = CODE + 4096 - 5;
  put(at, 0xff, 0xc0, 0xb8, 1, 2);
  const block = translateBlock(source, at, 0);
  assert.equal([block.byteLength, block.insnCount], [2, 1]);
});

test('a block ends with its page and at the limit', () => {
  put(CODE);
  assert.is(translateBlock(source, CODE, 0).insnCount, 64);
  assert.is(translateBlock(source, CODE, 0, { maxInsns: 5 }).byteLength, 5);
  assert.is(translateBlock(source, CODE + 4090, 0).byteLength, 6);
});

test('single step raises #DB after one instruction, at its successor', () => {
  assert.is(run([0xff, 0xc0], { singleStep: true }), EXIT.exception);
  assert.equal([mem.I32[ENG_VECTOR], rip()], [1, CODE + 2]);
  assert.is(run([0xeb, 0x10], { singleStep: true }), EXIT.exception);
  assert.equal([mem.I32[ENG_VECTOR], rip()], [1, CODE + 0x12]);
  writeEflags(mem.I32, 0x40);
  run([0x74, 0x20], { singleStep: true });
  assert.is(rip(), CODE + 0x22);
  run([0x75, 0x20], { singleStep: true });
  assert.is(rip(), CODE + 2);
});

test('FS and GS bases are added to memory operands, but not by LEA', () => {
  bench.set('fsBase', BigInt(DATA));
  bench.set('gsBase', BigInt(DATA + 0x100));
  mem.I32.set([11, 22], (DATA + 8) >> 2);
  mem.I32.set([33], (DATA + 0x108) >> 2);
  bench.set('rbx', 4n);
  bench.set('rcx', 1n);
  run([0x64, 0x8b, 0x04, 0x25, ...le32(8), 0x64, 0x8b, 0x54, 0x8b, 0x04, 0xc3]);
  assert.equal([bench.get('rax'), bench.get('rdx')], [11n, 22n]);
  run([0x65, 0x48, 0xa1, 8, 0, 0, 0, 0, 0, 0, 0, 0xc3]);
  assert.is(bench.get('rax') & 0xffffffffn, 33n);
  run([0x64, 0x8d, 0x43, 0x10, 0xc3]);
  assert.is(bench.get('rax'), 0x14n);
  bench.set('rsi', 8n);
  run([0x64, 0xad, 0xc3]);
  assert.is(bench.get('rax'), 11n);
});

test('FSGSBASE reads and writes the bases; non-canonical ones are #GP', () => {
  bench.set('rbx', 0x7fff12345678n);
  run([0xf3, 0x48, 0x0f, 0xae, 0xd3, 0xf3, 0x48, 0x0f, 0xae, 0xc1, 0xc3]);
  assert.equal([bench.get('fsBase'), bench.get('rcx')], [0x7fff12345678n, 0x7fff12345678n]);
  bench.set('rbx', 0x8000_0000_0000n);
  assert.is(run([0xf3, 0x48, 0x0f, 0xae, 0xdb]), EXIT.exception);
  assert.equal([mem.I32[ENG_VECTOR], rip()], [13, CODE]);
  bench.set('fsBase', 0n);
});

test('indirect jumps, calls and returns', () => {
  bench.set('rsp', BigInt(DATA + 0x800));
  bench.set('rax', BigInt(CODE + 0x40));
  run([0xff, 0xd0]);
  assert.equal([rip(), bench.get('rsp')], [CODE + 0x40, BigInt(DATA + 0x7f8)]);
  assert.is(mem.I32[(DATA + 0x7f8) >> 2], CODE + 2);
  run([0xc2, 0x10, 0x00]);
  assert.equal([rip(), bench.get('rsp')], [CODE + 2, BigInt(DATA + 0x810)]);
  mem.I32[(DATA + 0x900) >> 2] = 0x1234;
  mem.I32[(DATA + 0x904) >> 2] = 0;
  bench.set('rbx', BigInt(DATA + 0x900));
  run([0xff, 0x23]);
  assert.is(rip(), 0x1234);
});

test('a repeated move stops at its work limit and goes on', () => {
  const n = 0x30000;
  const FROM = RAM_BASE + 0x100000;
  const TO = RAM_BASE + 0x140000;
  bench.set('rsi', BigInt(FROM));
  bench.set('rdi', BigInt(TO));
  bench.set('rcx', BigInt(n));
  writeEflags(mem.I32, 0);
  for (let i = 0; i < n; i++) mem.U8[FROM + i] = i * 7;
  let calls = 0;
  put(CODE, 0xf3, 0xa4);
  const block = translateBlock(source, CODE, 0);
  do bench.run(block);
  while (++calls < 100 && bench.get('rcx') !== 0n);
  assert.is(calls, 3);
  assert.is(bench.get('rdi'), BigInt(TO + n));
  assert.equal(mem.U8.slice(TO, TO + n), mem.U8.slice(FROM, FROM + n));
});

test('a repeated store that faults leaves the state between two iterations', () => {
  bench.set('rdi', BigInt(END - 24));
  bench.set('rcx', 100n);
  assert.is(run([0xf3, 0x48, 0xab]), EXIT.exception);
  assert.equal([bench.get('rdi'), bench.get('rcx'), rip()], [BigInt(END), 97n, CODE]);
});

test('EFLAGS round trip; a program cannot clear IF or set IOPL', () => {
  for (const v of [0, 0x8d5, 0x400, 0x200000, 0x40000]) {
    writeEflags(mem.I32, v | 0x3000);
    assert.is(readEflags(mem.I32), v | 0x202);
  }
  writeEflags(mem.I32, 0);
});

test('a carry in the record of flags is not mixed up with what ADC records there', () => {
  bench.set('r9', 0x70n);
  bench.set('r13', 0n);
  // bt $5, %r13; adc $0xed, %r9b; setle %al: neither zero nor less.
  run([0x49, 0x0f, 0xba, 0xe5, 5, 0x49, 0x80, 0xd1, 0xed, 0x0f, 0x9e, 0xc0, 0xcc]);
  assert.is(bench.get('r9'), 0x5dn);
  assert.is(bench.get('rax') & 0xffn, 0n);
});

test('CPUID reports what rows need', () => {
  assert.is(cpuid(1, 0).edx & (1 << 26), 1 << 26);
  for (const [bit, name] of [
    [12, 'FMA'],
    [26, 'XSAVE'],
    [27, 'OSXSAVE'],
    [28, 'AVX'],
    [29, 'F16C'],
  ] as const) {
    assert.is((cpuid(1, 0, 2).ecx >> bit) & 1, 0, `no ${name} at level 2`);
    assert.is((cpuid(1, 0, 3).ecx >> bit) & 1, 1, `${name} at level 3`);
  }
  assert.equal(cpuid(0xd, 0, 2), { eax: 0, ebx: 0, ecx: 0, edx: 0 });
  assert.equal(cpuid(0xd, 0, 3), { eax: 7, ebx: 832, ecx: 832, edx: 0 });
  assert.equal(cpuid(0xd, 2, 3), { eax: 256, ebx: 576, ecx: 0, edx: 0 });
  for (const r of ROWS) {
    for (const feature of r.features) {
      assert.ok(
        cpuFeatures(3).has(feature),
        `CPUID denies ${feature}, but ${r.text} is implemented`,
      );
    }
  }
});

test('CPUID and RDTSC in line', () => {
  bench.set('rax', 0n);
  run([0x0f, 0xa2, 0xc3]);
  assert.is(bench.get('rbx'), 0x756e6547n);
  run([0x0f, 0x31, 0xc3]);
  const first = (bench.get('rdx') << 32n) | bench.get('rax');
  run([0x0f, 0x31, 0xc3]);
  assert.ok(((bench.get('rdx') << 32n) | bench.get('rax')) > first);
});

test('RDRAND and RDSEED: 16, 32 and 64 bits, CF set and nothing else; RDPID is 0', () => {
  for (const reg of [0xf0, 0xf8]) {
    bench.set('rax', 0x1122334455667788n);
    writeEflags(mem.I32, 0x8d4);
    run([0x66, 0x0f, 0xc7, reg, 0xc3]);
    assert.is(bench.get('rax'), 0x112233445566cdefn);
    assert.is(readEflags(mem.I32) & 0x8d5, 1);
    run([0x0f, 0xc7, reg, 0xc3]);
    assert.is(bench.get('rax'), 0x89abcdefn);
    run([0x48, 0x0f, 0xc7, reg, 0xc3]);
    assert.is(bench.get('rax'), 0x89abcdef89abcdefn);
  }
  run([0xf3, 0x0f, 0xc7, 0xf8, 0xc3]);
  assert.is(bench.get('rax'), 0n);
});

/** Puts words on the stack, which is at DATA. */
function stack(...words: number[]): void {
  words.forEach((w, i) => {
    mem.D.setBigUint64(DATA + 8 * i, BigInt(w), true);
  });
  bench.set('rsp', BigInt(DATA));
}

test('RETF and IRET go to user mode as it is, and nowhere else', () => {
  stack(CODE + 0x40, 0x33);
  run([0x48, 0xcb]);
  assert.equal([rip(), Number(bench.get('rsp'))], [CODE + 0x40, DATA + 16]);
  stack(CODE + 0x40, 0x33, 0xcd7, 0x1234, 0x2b);
  assert.is(run([0x48, 0xcf]), EXIT.next);
  assert.equal([rip(), bench.get('rsp')], [CODE + 0x40, 0x1234n]);
  assert.is(readEflags(mem.I32), 0xed7 & ~0x100);
  for (const [cs, ss] of [
    [0x23, 0x2b],
    [0x31, 0x2b],
    [0x33, 0x28],
    [0, 0x2b],
  ] as const) {
    stack(CODE + 0x40, cs, 0x202, 0x1234, ss);
    assert.is(run([0x48, 0xcf]), EXIT.exception);
    const error = (cs === 0x33 ? ss : cs) & ~3;
    assert.equal([mem.I32[ENG_VECTOR], mem.I32[ENG_ERROR], rip()], [13, error, CODE]);
    assert.is(Number(bench.get('rsp')), DATA);
  }
});

test('LAR and LSL know the segments of Linux', () => {
  for (const [selector, access, limit] of [
    [0x23, 0xcffb00n, 0xffffffffn],
    [0x2b, 0xcff300n, 0xffffffffn],
    [0x33, 0xaffb00n, 0xffffffffn],
    [0x7b, 0x40f500n, 0n],
    [0x10, null, null],
    [0x37, null, null],
  ] as const) {
    bench.set('rax', BigInt(selector));
    for (const [opcode, value] of [
      [0x02, access],
      [0x03, limit],
    ] as const) {
      bench.set('rcx', 0x1234567812345678n);
      run([0x0f, opcode, 0xc8, 0xc3]);
      assert.is(bench.get('rcx'), value ?? 0x1234567812345678n);
      assert.is((readEflags(mem.I32) >> 6) & 1, value === null ? 0 : 1);
    }
  }
});

test('XGETBV: XCR0, what of it is in use, and no more', () => {
  for (const [n, value] of [
    [0, 7n],
    [1, 2n],
  ] as const) {
    bench.set('rcx', BigInt(n));
    bench.set('xmm3.q0', 1n);
    run([0xdb, 0xe3, 0x0f, 0x01, 0xd0, 0xc3]);
    assert.is(bench.get('rax'), value, `XCR${n}`);
  }
  bench.set('rcx', 2n);
  assert.is(run([0x0f, 0x01, 0xd0]), EXIT.exception);
  assert.equal([mem.I32[ENG_VECTOR], rip()], [13, CODE]);
});

/** What docs/INSTRUCTIONS.md lists as left out; and the opcodes that 64-bit mode does not have. */
const LEFT_OUT: Readonly<Record<string, readonly number[]>> = {
  'vaddps zmm': [0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc0],
  gf2p8mulb: [0x66, 0x0f, 0x38, 0xcf, 0xc0],
  vpdpbusd: [0xc4, 0xe2, 0x79, 0x50, 0xc0],
  tilerelease: [0xc4, 0xe2, 0x78, 0x49, 0xc0],
  'pfadd mm': [0x0f, 0x0f, 0xc0, 0x9e],
  femms: [0x0f, 0x0e],
  extrq: [0x66, 0x0f, 0x79, 0xc0],
  vfmaddps: [0xc4, 0xe3, 0xf9, 0x68, 0xc0, 0],
  'blcfill (XOP)': [0x8f, 0xe9, 0x78, 0x01, 0xc8],
  xbegin: [0xc7, 0xf8, 0, 0, 0, 0],
  xend: [0x0f, 0x01, 0xd5],
  incsspd: [0xf3, 0x0f, 0xae, 0xe8],
  rdpkru: [0x0f, 0x01, 0xee],
  senduipi: [0xf3, 0x0f, 0xc7, 0xf0],
  movdiri: [0x0f, 0x38, 0xf9, 0x00],
  movdir64b: [0x66, 0x0f, 0x38, 0xf8, 0x00],
  tpause: [0x66, 0x0f, 0xae, 0xf0],
  serialize: [0x0f, 0x01, 0xe8],
  getsec: [0x0f, 0x37],
  vmcall: [0x0f, 0x01, 0xc1],
  enclu: [0x0f, 0x01, 0xd7],
};

test('what is left out, and what 64-bit mode lacks, is #UD', () => {
  const gone = [
    ...[0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61],
    ...[0x82, 0x9a, 0xce, 0xd4, 0xd5, 0xd6, 0xea],
  ].map((b) => [b.toString(16), [b, 0, 0, 0, 0, 0, 0]] as const);
  for (const [name, bytes] of [...Object.entries(LEFT_OUT), ...gone]) {
    assert.is(run(bytes), EXIT.exception, name);
    assert.equal([mem.I32[ENG_VECTOR], rip()], [6, CODE], name);
  }
});
