/**
 * What an emitted module calls: the MMU's slow paths, helpers and slot operations, each imported when it is first
 * used and known by a key. All take and return int32 words.
 */

/** Functions of GuestAccess. */
export const MMU_CALLS = [
  'read',
  'write8',
  'write16',
  'write32',
  'write64',
  'writeBytes',
  'raise',
] as const;
export type MmuCall = (typeof MMU_CALLS)[number];

export const MMU_PARAMS: Record<MmuCall, number> = {
  read: 3,
  write8: 3,
  write16: 3,
  write32: 3,
  write64: 4,
  writeBytes: 4,
  raise: 2,
};

export const IMPORT_KINDS = ['mmu', 'helper', 'slot'] as const;

export interface Import {
  readonly kind: (typeof IMPORT_KINDS)[number];
  /** Position in MMU_CALLS, number of the helper, or of the op. */
  readonly number: number;
  /** Number of parameters; one result. */
  readonly params: number;
}

/** Parameters of helpers (d, a, b, c) and of slot operations (d, a, b, c, imm). */
export const HELPER_PARAMS = 4;
export const SLOT_PARAMS = 5;

/** The imported functions of a module, numbered as they come. */
export class Imports {
  readonly list: Import[] = [];
  private readonly indexOf: Map<string, number> = new Map();

  /** The same function as of another module. */
  add({ kind, number, params }: Import): number {
    return this.index(kind, number, params);
  }

  private index(kind: Import['kind'], number: number, params: number): number {
    const key = `${kind}${number}`;
    let i = this.indexOf.get(key);
    if (i === undefined) {
      i = this.list.push({ kind, number, params }) - 1;
      this.indexOf.set(key, i);
    }
    return i;
  }

  mmu(call: MmuCall): number {
    return this.index('mmu', MMU_CALLS.indexOf(call), MMU_PARAMS[call]);
  }

  helper(number: number): number {
    return this.index('helper', number, HELPER_PARAMS);
  }

  slot(op: number): number {
    return this.index('slot', op, SLOT_PARAMS);
  }
}
