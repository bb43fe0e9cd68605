/** Lifters of AVX instructions that access memory lane by lane (semantics: helpers-vec.ts). */

import { NONE, type Ref } from '../ir/refs.ts';
import { SEG } from './decoded.ts';
import { vectorHow } from './helpers-vec.ts';
import { type Lift, VECTOR } from './lift-context.ts';
import { isWide } from './lift-vex.ts';
import { FS_BASE, GS_BASE } from './state.ts';
import type { LiftFn } from './table-format.ts';

const bytesOf = (cx: Lift): 16 | 32 => (isWide(cx) ? 32 : 16);

/** VMASKMOVx, VPMASKMOVx from memory: destination, mask, memory. */
export function vexMaskLoad(lane: 4 | 8): LiftFn {
  return (cx) => {
    const how = vectorHow({ data: cx.regNo(0), mask: cx.regNo(1), lane, bytes: bytesOf(cx) });
    cx.call('maskload', NONE, cx.address(), cx.k(how));
  };
}

/** To memory: memory, mask, value. */
export function vexMaskStore(lane: 4 | 8): LiftFn {
  return (cx) => {
    const how = vectorHow({ data: cx.regNo(2), mask: cx.regNo(1), lane, bytes: bytesOf(cx) });
    cx.call('maskstore', NONE, cx.address(), cx.k(how));
  };
}

/** Base of the segment override, or 0. */
function segmentBase(cx: Lift): Ref {
  if (cx.d.seg === SEG.none) return cx.b.const64(0, 0);
  return cx.d.seg === SEG.fs ? FS_BASE : GS_BASE;
}

/** VPGATHERxx, VGATHERxxx: destination, memory by vector index (SDM vol. 2, 2.3.12), mask. */
export function vexGather(lane: 4 | 8, indexSize: 4 | 8): LiftFn {
  return (cx) => {
    const { d } = cx;
    const [data, mask] = [cx.regNo(0), cx.regNo(2)];
    // An index of 4 means none to others, and XMM4 here.
    const index = d.index < 0 ? 4 : d.index;
    if ((d.modrm & 7) !== 4 || data === mask || data === index || mask === index) {
      cx.raise(VECTOR.UD);
      return;
    }
    d.index = -1;
    const how = vectorHow({
      data,
      mask,
      index,
      scale: d.scale,
      lane,
      indexSize,
      bytes: bytesOf(cx),
      shortAddress: d.addrSize === 4,
    });
    cx.call('gather', NONE, cx.effectiveAddress(), cx.k(how), segmentBase(cx));
  };
}
