/**
 * Where everything lives in the machine's one linear memory (a WebAssembly.Memory).
 *
 * Invariants: the memory is created at full size and never grown; every host offset is a
 * non-negative int32; generated code addresses CPU state by the constants here, so they are the
 * same for every machine, and a task that is not running has its state saved elsewhere.
 *
 *   0x000000  never used (an offset of 0 means "nothing")
 *   0x001000  CPU state: the guest's registers (layout: frontend) and the engine words below
 *   0x002000  scratch: where a page-crossing access is assembled
 *   0x004000  temps: 16 bytes per IR temp
 *   0x010000  TLB: 4,096 entries of 32 bytes
 *   0x030000  constant pool of translated code: 8 bytes per constant
 *   0x1c0000  region cache: 16,384 entries of 16 bytes
 *   0x200000  micro code: 4 Mi words; the arena of ir/interp.ts
 *   0x1200000 executions left of each block, then the interpreter's jump cache: 16,384 entries of 16 bytes
 *   0x1400000 guest RAM, in frames of 4 KiB
 */

export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;
/** 2 MiB pages: 512 frames. */
export const HUGE_PAGE_FRAMES = 512;

export const STATE_BASE = 0x1000;
export const STATE_SIZE = 0x1000;
export const SCRATCH_BASE = 0x2000;
export const SCRATCH_SIZE = 0x1000;
export const TEMP_BASE = 0x4000;
/** Bytes per IR temp: a v256 temp takes two. */
export const TEMP_SIZE = 16;
export const MAX_TEMPS = 0xc000 / TEMP_SIZE;
export const TLB_BASE = 0x10000;
export const TLB_ENTRIES = 4096;
/** Bytes per TLB entry; the fields are int32 words. */
export const TLB_ENTRY_SIZE = 32;
export const CONST_POOL_BASE = 0x30000;
export const CONST_POOL_END = 0x1c0000;
export const ARENA_BASE = 0x200000;
export const ARENA_WORDS = 0x40_0000;
/** A word for each block. */
export const HITS_BASE: number = ARENA_BASE + ARENA_WORDS * 4;
/**
 * Jump cache of the interpreter: where blocks' micro code is, by pc. An entry of four words is at
 * `((lo ^ lo >>> JUMP_CACHE_SHIFT) & (JUMP_CACHE_ENTRIES - 1)) * 16`: the pc (low, high), the code generation under which
 * it holds, and the arena index.
 */
export const JUMP_CACHE_BASE = 0x13c0000;
export const JUMP_CACHE_ENTRIES = 0x4000;
export const JUMP_CACHE_SHIFT = 13;
export const JUMP_CACHE_GEN = 2;
export const JUMP_CACHE_P = 3;
export const RAM_BASE = 0x1400000;

/**
 * TLB entry, in int32 words. A tag is `page address (low 32 bits) | generation`, the generation
 * being 1..4095 in the twelve bits that a page address leaves free, so that a flush is a new
 * generation and an entry never needs clearing (0 matches nothing). An access of `size` bytes
 * at hi:lo hits when
 *
 *     tag === ((lo + size - 1) & -4096 | generation)  &&  word[TLB_HI] === hi
 *
 * with the entry chosen by `lo >>> 12`: an access that crosses a page fails the compare.
 * The host offset is then `lo + word[TLB_ADDEND] | 0`. The high half stands behind both the tag for reading and that
 * for writing, so that 64 bits can be compared at once.
 */
export const TLB_READ = 0;
export const TLB_HI = 1;
export const TLB_WRITE = 2;
/** The same as TLB_HI. */
export const TLB_WRITE_HI = 3;
export const TLB_EXEC = 4;
export const TLB_ADDEND = 5;
/** Word index of the entry for `lo`: `(lo >>> TLB_INDEX_SHIFT & TLB_INDEX_MASK) + TLB_WORD`. */
export const TLB_INDEX_SHIFT = 9;
export const TLB_INDEX_MASK = (TLB_ENTRIES - 1) << 3;
export const TLB_WORD = TLB_BASE >> 2;

/**
 * Pages closer than this many bytes to a multiple of 4 GiB have no read or write right in the TLB: so what
 * has one can be reached from less than that away without a carry into the high half.
 */
export const TLB_EDGE = 0x10000;

/**
 * Region cache: where compiled regions are, by pc. An entry of four words is at
 * `((pc ^ pc >>> REGION_CACHE_SHIFT) & (REGION_CACHE_ENTRIES - 1)) * 16`: the pc (low, high), the code generation under
 * which it holds, and the region's slot in the table of functions.
 */
export const REGION_CACHE_BASE = 0x1c0000;
export const REGION_CACHE_ENTRIES = 0x4000;
export const REGION_CACHE_SHIFT = 13;
export const REGION_CACHE_GEN = 2;
export const REGION_CACHE_SLOT = 3;

/** Engine words: int32 words at the end of the CPU state page, not part of a task's saved state. */
export const ENGINE_WORD = (STATE_BASE + 0xf00) >> 2;
/** TLB generation of the current address space (1..4095). */
export const ENG_TLB_GEN = ENGINE_WORD + 0;
/** Code generation: changes whenever an executable mapping of the address space is removed or altered. */
export const ENG_CODE_GEN = ENGINE_WORD + 1;
/** Guest instructions left before the engine must return to the scheduler (may go below 0). */
export const ENG_BUDGET = ENGINE_WORD + 2;
/** Why the engine stopped at a fault: exception vector (SDM vol. 3, table 6-1). */
export const ENG_VECTOR = ENGINE_WORD + 3;
/** Error code as the CPU would push it (for #PF: bit 0 present, 1 write, 2 user, 4 fetch). */
export const ENG_ERROR = ENGINE_WORD + 4;
/** Faulting address (CR2), low and high half. */
export const ENG_FAULT_LO = ENGINE_WORD + 5;
export const ENG_FAULT_HI = ENGINE_WORD + 6;
/** Non-zero: the scheduler wants the engine back at the next block boundary. */
export const ENG_STOP = ENGINE_WORD + 7;
/** x86-64 microarchitecture level that CPUID announces: 2 or 3 (0: 2). */
export const ENG_CPU_LEVEL = ENGINE_WORD + 8;
/** Where the interpreter stopped: index of the micro operation in the arena, id of the block; see ir/interp.ts. */
export const ENG_INTERP_P = ENGINE_WORD + 9;
export const ENG_INTERP_BLOCK = ENGINE_WORD + 10;
/** Not 0: the interpreter executes blocks that have a region, too. */
export const ENG_INTERP_PASS = ENGINE_WORD + 11;
/** Windows of the region that is running (backend-js/windows.ts): five words each. */
export const ENG_WINDOW_COUNT = 3;
export const ENG_WINDOWS = ENGINE_WORD + 16;
