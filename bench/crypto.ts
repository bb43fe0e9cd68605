/**
 * AES rounds and carry-less products (ir/slot-aes.ts): nanoseconds an operation, each on the result of the one
 * before. Xeon VM, Node 20, best of 20 runs: AESENC 23, AESENCLAST 15, AESDEC 17, AESIMC 28, PCLMULQDQ 60 to 75.
 *
 *     node --import tsx bench/crypto.ts
 */

import { TEMP_BASE } from '../src/common/layout.ts';
import { createLinearMemory } from '../src/common/memory.ts';
import type { HelperEnv } from '../src/ir/helpers.ts';
import type { SlotOpName } from '../src/ir/ops.ts';
import { SLOT_FNS } from '../src/ir/slot-ops.ts';

const OPS: readonly SlotOpName[] = ['vaesenc', 'vaesenclast', 'vaesdec', 'vaesimc', 'vclmul'];
const ROUNDS = 1_000_000;

// These operations raise nothing.
const env = { ...createLinearMemory(0x10000), mem: { raise: () => -1 } } as unknown as HelperEnv;
const [state, key] = [TEMP_BASE >> 2, (TEMP_BASE >> 2) + 4];

for (const name of OPS) {
  const fn = SLOT_FNS[name];
  const times: number[] = [];
  for (let run = 0; run < 20; run++) {
    env.I32.set([1, 2, 3, 4, 0x12345678, 0x9abcdef0 | 0, 7, 8], state);
    const start = process.cpuUsage();
    for (let i = 0; i < ROUNDS; i++) fn(env, state, state, key, 0, 0);
    times.push((process.cpuUsage(start).user * 1000) / ROUNDS);
  }
  times.sort((a, b) => a - b);
  console.log(`${name.padEnd(12)} ${times[10]!.toFixed(1)} ns (best ${times[0]!.toFixed(1)})`);
}
