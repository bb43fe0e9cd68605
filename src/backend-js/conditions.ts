/**
 * Comparisons as JavaScript, without `&&`, `||` and `?:`: V8 gives optimized code up when an operand is
 * evaluated that had not been evaluated before, so all of it is, always.
 */

import { COND_NAMES } from '../ir/ops.ts';
import { condExpr32, isLiteral } from '../ir/semantics.ts';

export { condExpr32 };

function u(s: string): string {
  return isLiteral(s) ? String(Number(s) >>> 0) : `(${s}>>>0)`;
}

/** The bits that differ: 0 if the values are equal. */
function difference(al: string, ah: string, bl: string, bh: string): string {
  const xor = (a: string, b: string): string => (b === '0' ? a : a === '0' ? b : `(${a}^${b})`);
  const lo = xor(al, bl);
  const hi = xor(ah, bh);
  return hi === '0' ? lo : `(${lo}|${hi})`;
}

/** Boolean expression for condition `cond` of two i64 values. */
export function condition64(cond: number, al: string, ah: string, bl: string, bh: string): string {
  const name = COND_NAMES[cond]!;
  const unsigned = COND_NAMES.indexOf(`${name.slice(0, 2)}u`);
  if (name === 'eq' || name === 'ne') {
    if (ah === '0' && bh === '0') return condExpr32(cond, al, bl);
    return `${difference(al, ah, bl, bh)}${name === 'eq' ? '===' : '!=='}0`;
  }
  if (ah === '0' && bh === '0') return condExpr32(unsigned, al, bl);
  if (bl === '0' && bh === '0' && name === 'lts') return `${ah}<0`;
  if (bl === '0' && bh === '0' && name === 'ges') return `${ah}>=0`;
  const strict = name.startsWith('l') ? '<' : '>';
  const signed = name.endsWith('s');
  const high = signed ? `${ah}${strict}${bh}` : `${u(ah)}${strict}${u(bh)}`;
  const inclusive = name.startsWith('le') || name.startsWith('ge') ? '=' : '';
  const low = `${u(al)}${strict}${inclusive}${u(bl)}`;
  return `((${high})|(${ah}===${bh})&(${low}))!==0`;
}
