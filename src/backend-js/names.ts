/**
 * Names in generated code. Guest symbols become function names, so that profiles show `memcpy`; since
 * symbol text comes from the guest it is reduced to a harmless identifier first.
 */

/** At most 80 characters of [A-Za-z0-9_$], then the address: `sha256_block_0x401230`. */
export function functionName(symbol: string | null, pcLo: number, pcHi: number): string {
  const text = (symbol ?? '').replace(/[^A-Za-z0-9_$]/g, '_').slice(0, 80);
  const prefix = text === '' ? 'block' : /^[0-9]/.test(text) ? `_${text}` : text;
  return `${prefix}_0x${hex(pcLo, pcHi)}`;
}

export function hex(lo: number, hi: number): string {
  const low = (lo >>> 0).toString(16);
  return hi === 0 ? low : (hi >>> 0).toString(16) + low.padStart(8, '0');
}

/** Local names for the halves of state variables: `rax_l`, `rax_h`. */
export function varName(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_');
}
