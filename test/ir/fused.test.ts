/** Fused multiply-add in JavaScript's arithmetic is what soft-float says, or nothing. */

import { fmaNum } from '../../src/ir/softfloat/fma.ts';
import { fusedF32, fusedF64 } from '../../src/ir/softfloat/fused.ts';
import {
  F32,
  F64,
  loadF32,
  loadF64,
  newNum,
  packF32,
  packF64,
} from '../../src/ir/softfloat/num.ts';
import { clearFlags, round } from '../../src/ir/softfloat/round.ts';
import { Random } from '../diff/random.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('fused multiply-add');

const ROUNDS = 200_000;
const view = new DataView(new ArrayBuffer(8));
const [X, Y, Z, R] = [newNum(), newNum(), newNum(), newNum()];
const out = new Int32Array(2);

/** By soft-float. */
function expected(values: readonly [number, number, number], double: boolean): number {
  [X, Y, Z].forEach((num, i) => {
    if (double) {
      view.setFloat64(0, values[i]!);
      loadF64(view.getInt32(4), view.getInt32(0), num);
    } else {
      view.setFloat32(0, values[i]!);
      loadF32(view.getInt32(0), num);
    }
  });
  clearFlags();
  fmaNum(X, Y, Z, R, 0);
  round(R, double ? F64 : F32, 0, 0, false);
  if (!double) {
    view.setInt32(0, packF32(R));
    return view.getFloat32(0);
  }
  packF64(R, out, 0);
  view.setInt32(0, out[1]!);
  view.setInt32(4, out[0]!);
  return view.getFloat64(0);
}

/** Significands of few bits and of many, so that ties and cancellations are frequent. */
function number(rng: Random, bits: number, exponents: number): number {
  const kept = 1 + rng.below(bits);
  let s = 1;
  for (let i = 1; i < kept; i++) s = 2 * s + rng.below(2);
  const value = s * 2 ** (rng.below(2 * exponents) - exponents - kept);
  return rng.chance(50) ? value : -value;
}

for (const [name, bits, fused] of [
  ['f64', 53, fusedF64],
  ['f32', 24, fusedF32],
] as const) {
  test(`${name}: against soft-float`, () => {
    const rng = new Random(Date.now() >>> 0);
    let done = 0;
    for (let i = 0; i < ROUNDS; i++) {
      const exponents = rng.chance(80) ? 4 : rng.chance(50) ? 60 : 120;
      let x = number(rng, bits, exponents);
      const y = number(rng, bits, exponents);
      if (rng.chance(3)) x = rng.chance(50) ? 0 : -0;
      let z = rng.chance(5) ? 0 : number(rng, bits, 2 * exponents);
      // Nearly all of the product goes away.
      if (rng.chance(20)) z = bits === 53 ? -x * y : Math.fround(-x * y);
      const r = fused(x, y, z);
      if (Number.isNaN(r)) continue;
      done++;
      const e = expected([x, y, z], bits === 53);
      if (!Object.is(r, e)) assert.unreachable(`${x} * ${y} + ${z}: ${r}, not ${e}`);
    }
    assert.ok(done > ROUNDS / 2, `${done} of ${ROUNDS} are done`);
  });
}

test('says nothing of NaNs, infinities, denormals, zeros as results and results near the limits', () => {
  for (const v of [Number.NaN, Number.POSITIVE_INFINITY, 5e-324, 1e308, 1e-300]) {
    assert.ok(Number.isNaN(fusedF64(v, 3, 1)), `${v} * 3 + 1`);
    assert.ok(Number.isNaN(fusedF64(3, v, 1)), `3 * ${v} + 1`);
    assert.ok(Number.isNaN(fusedF64(3, 1, v)), `3 + ${v}`);
    assert.ok(Number.isNaN(fusedF64(v, 0, 1)), `${v} * 0 + 1`);
  }
  for (const fused of [fusedF64, fusedF32]) {
    assert.ok(Number.isNaN(fused(0, 2, 0)) && Number.isNaN(fused(2, -0, -0)), 'nothing but zeros');
  }
  assert.ok(Number.isNaN(fusedF64(3, 2, -6)), 'an exact zero');
  assert.ok(Number.isNaN(fusedF32(3, 2, -6)), 'an exact zero');
  assert.ok(Number.isNaN(fusedF32(2 ** 100, 2 ** 100, 1)), 'more than a float');
  assert.ok(Number.isNaN(fusedF32(2 ** -100, 2 ** -26, 0)), 'a denormal float');
});
