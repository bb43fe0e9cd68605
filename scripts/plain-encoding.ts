/** The plainest encoding of a row: registers 0 where it takes registers, [rax] where it must be memory, zeros as immediates. */

import { IMM, type InsnRow, MAP, PFX } from '../src/frontend-x86/table-format.ts';

const IMM_BYTES: Record<number, number> = {
  [IMM.none]: 0,
  [IMM.ib]: 1,
  [IMM.iw]: 2,
  [IMM.id]: 4,
  [IMM.iz]: 4,
  [IMM.iv]: 4,
  [IMM.iwib]: 3,
  [IMM.cb]: 1,
  [IMM.cz]: 4,
  [IMM.mo]: 8,
};

function opcodeBytes(r: InsnRow): number[] {
  const pp = r.prefix === PFX.any ? 0 : r.prefix;
  if (r.map >= MAP.vex0F) {
    const last = (r.w === 1 ? 0x80 : 0) | 0x78 | (r.vexL === 1 ? 4 : 0) | pp;
    return [0xc4, 0xe0 | (r.map - MAP.vex0F + 1), last, r.opcode];
  }
  return [
    ...(pp === 0 ? [] : [[0, 0x66, 0xf3, 0xf2][pp] as number]),
    ...(r.w === 1 ? [0x48] : []),
    ...(r.map === MAP.one ? [] : [0x0f]),
    ...(r.map === MAP.m0F38 ? [0x38] : r.map === MAP.m0F3A ? [0x3a] : []),
    r.opcode,
  ];
}

export function plainEncoding(r: InsnRow): number[] {
  const reg = r.digit < 0 ? 0 : r.digit << 3;
  const modrm = r.modrm >= 0 ? r.modrm : r.mod === 'm' ? reg : 0xc0 | reg;
  return [
    ...opcodeBytes(r),
    ...(r.hasModrm ? [modrm] : []),
    ...new Array<number>(IMM_BYTES[r.imm] as number).fill(0),
  ];
}
