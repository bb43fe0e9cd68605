/**
 * The CPU: looks translation blocks up, makes them, runs them in the interpreter or as compiled
 * regions, and hands system calls and exceptions to the kernel (it implements CpuPort).
 *
 * Invariants: guest state is complete in the CPU state page whenever the dispatcher has control;
 * nothing here keeps guest state on the JavaScript stack between two `run` calls.
 */

import type { Dispatcher } from '../backend-wasm/dispatcher.ts';
import { createInterpreter } from '../backend-wasm/interpreter.ts';
import {
  ENG_BUDGET,
  ENG_CODE_GEN,
  ENG_CPU_LEVEL,
  ENG_ERROR,
  ENG_FAULT_HI,
  ENG_FAULT_LO,
  ENG_VECTOR,
  PAGE_SIZE,
  STATE_BASE,
} from '../common/layout.ts';
import type { LinearMemory } from '../common/memory.ts';
import { panic } from '../common/panic.ts';
import { type CpuLevel, cpuFeatures, cpuid, linuxFlags } from '../frontend-x86/cpuid.ts';
import { Decoded } from '../frontend-x86/decoded.ts';
import { readsToWrite, usesStackSegment } from '../frontend-x86/fault-detail.ts';
import { readEflags, writeEflags } from '../frontend-x86/flags.ts';
import { fxrstor, fxsave } from '../frontend-x86/fxsave.ts';
import { HELPERS } from '../frontend-x86/helpers-table.ts';
import { VECTOR } from '../frontend-x86/lift-context.ts';
import { GPR_NAMES, GUEST_STATE_SIZE, stateWord, X86_STATE } from '../frontend-x86/state.ts';
import { type CodeSource, decodeInsn, translateBlock } from '../frontend-x86/translate.ts';
import { SUPPORTED, writeImage, XSAVE_SIZE, xrstor } from '../frontend-x86/xsave.ts';
import type { IrBlock } from '../ir/block.ts';
import type { HelperEnv } from '../ir/helpers.ts';
import { EXIT_LINK, EXIT_REGION, type InterpBlock, Interpreter } from '../ir/interp.ts';
import { EXIT } from '../ir/ops.ts';
import { runPasses } from '../ir/passes/index.ts';
import { CPU_STOP, type CpuPort, REG } from '../kernel/ports.ts';
import type { Mmu } from '../mmu/mmu.ts';
import type { Breakpoints } from './breakpoints.ts';
import { CodeCache, type CompiledRegion, type LeanCounts, SECOND_PAGE, Tb } from './code-cache.ts';
import { ENGINES, type Engine, type EngineRow } from './engines.ts';
import { Lockstep, type LockstepHost } from './lockstep.ts';
import type { RegionCompiler } from './region-compiler.ts';
import { createRegionDispatcher } from './region-table.ts';
import type { SavedRegion } from './saved-region.ts';
import {
  type LoadedBlock,
  TranslationCache,
  type TranslationCacheStats,
  type TranslationStore,
} from './translation-cache.ts';

/** Sees every translation, for `dump`. */
export interface TranslationObserver {
  /** A block was lifted; passes follow. */
  lifted(ir: IrBlock): void;
  /** It was entered into the cache, as the passes left it. */
  translated(tb: Tb, ir: IrBlock): void;
}

/** Sees guest code begin and end to run (machine/watch). */
export interface CpuWatch {
  /** Guest code is about to run. */
  entering(): void;
  /** It has stopped. */
  left(): void;
  /** One instruction was executed alone; `faulted`: it raised an exception, perhaps before it stored. */
  stepped(faulted: boolean): void;
}

export type { CpuLevel, Engine };

/** Guest instructions in one translation block at most. */
const MAX_INSNS = 64;
/**
 * A lean region is compiled with slow paths if, of so many times that it lacked one, each came within so few
 * instructions of the one before: leaving and coming back costs some 2 µs, the slow paths some 0.4 ns for
 * each instruction.
 */
const SLOW_EXITS = 512;
const INSNS_PER_SLOW_EXIT = 4000;
/** Instructions after which a program counts as one that runs for long; CPython's boot executes 49 million, with a few imports 95. */
const SETTLED_INSNS = 128_000_000;
/** Instructions that hot blocks wait at most for others to be compiled with. */
const MAX_WAIT = 50_000;
/**
 * Executions after which a region of an earlier run is taken, and how many times as many until it is asked for again.
 * CPython's boot takes 1.3 s of CPU time with 16, 1,000 or 4,000 if it made the regions itself; if a long run made some
 * 500, 2.3, 2.3 and 1.7 (1.4 with 20,000, as without any).
 */
const SAVED_HOT = 5000;
const SAVED_AGAIN = 2;
const EFLAGS_TF = 0x100;
const VECTOR_SS = 12;
const VECTOR_PF = 14;
/** #PF error code: a write; an instruction fetch. */
const PF_WRITE = 2;
const PF_FETCH = 16;
const FXSAVE_SIZE = 512;

const W_RIP = stateWord('rip');
const W_REST = stateWord('eflagsRest');
const W_MXCSR = stateWord('mxcsr');
const W_FPCW = stateWord('fpCw');
const W_FS = stateWord('fsBase');
const W_GS = stateWord('gsBase');
const W_GPR = GPR_NAMES.map(stateWord);
W_GPR.push(W_RIP);

export class Cpu implements CpuPort, LockstepHost {
  readonly cache: CodeCache;
  readonly interp: Interpreter;
  /** Enters regions of WebAssembly without JavaScript; null where each is to be seen. */
  readonly dispatcher: Dispatcher | null;
  readonly stateSize: number = GUEST_STATE_SIZE;
  readonly xstateSize: number;
  readonly hwcap: number = cpuid(1, 0).edx >>> 0;
  /** Bit 1: RDFSBASE and friends work. */
  readonly hwcap2: number = cpuFeatures(2).has('fsgsbase') ? 2 : 0;
  /** Names in /proc/cpuinfo. */
  readonly flags: readonly string[];
  /** Guest instructions executed. */
  instructions = 0;
  /** Blocks lifted (again for each known kind of condition codes in a region). */
  lifted = 0;
  /** Milliseconds spent lifting blocks and running the passes, if `now` is given. */
  translationMs = 0;
  now: (() => number) | null = null;
  observer: TranslationObserver | null = null;
  /** Where to stop; null costs nothing. */
  breakpoints: Breakpoints | null = null;
  watch: CpuWatch | null = null;
  private translations: TranslationCache | null = null;
  /** Name of the function at an address of the running program, for log lines. */
  symbolize: (pc: number) => string | null = () => null;
  /** Where the running program's function returns to, for log lines; null where that is not known. */
  returnsTo: () => number | null = () => null;
  private readonly mem: LinearMemory;
  private readonly I32: Int32Array;
  private readonly mmu: Mmu;
  private readonly env: HelperEnv;
  private regions: RegionCompiler | null = null;
  /** Instructions executed when the first of the blocks that wait for a region became hot. */
  private waitingSince = 0;
  private readonly engine: EngineRow;
  private settled = false;
  /** Compares every run of a region with the interpreter, with that engine. */
  readonly lockstep: Lockstep | null;
  private readonly code: CodeSource;
  singleStepped = false;
  /** The instruction that faulted. */
  private readonly faulting = new Decoded();

  /** @param random 32 random bits @param level, hot see MachineOptions */
  constructor(
    mem: LinearMemory,
    mmu: Mmu,
    engine: Engine,
    random: () => number,
    level: CpuLevel = 2,
    hot: number | null = null,
  ) {
    mem.I32[ENG_CPU_LEVEL] = level;
    this.flags = linuxFlags(level);
    this.xstateSize = level >= 3 ? XSAVE_SIZE : FXSAVE_SIZE;
    this.mem = mem;
    this.I32 = mem.I32;
    this.mmu = mmu;
    this.engine = hot === null ? ENGINES[engine] : { ...ENGINES[engine], hot, settledHot: hot };
    this.lockstep = this.engine.lockstep ? new Lockstep(mem, mmu, this) : null;
    this.env = { ...mem, mem: mmu, random };
    const dispatcher = this.engine.interpreter === 'wasm' ? createRegionDispatcher(mem) : null;
    this.dispatcher = dispatcher;
    this.interp = new Interpreter(this.env, X86_STATE, HELPERS, {
      hotThreshold: this.engine.hot,
      train: true,
      ...(dispatcher === null
        ? {}
        : { interpret: (env, calls) => createInterpreter(env, calls, dispatcher) }),
    });
    this.cache = new CodeCache(this.interp, mmu);
    mmu.paging.tracker = this.cache;
    this.code = { U8: mem.U8, I32: mem.I32, fetch: (lo, hi) => mmu.fetch(lo, hi), level };
  }

  /** Gives the dispatcher the tier above the interpreter. */
  useRegions(compiler: RegionCompiler): void {
    this.regions = compiler;
  }

  /** Has translations taken from a store, and `saveTranslations` put them there. */
  useStore(store: TranslationStore): void {
    const translations = new TranslationCache(store, this.mem, this.mmu);
    this.cache.onChange = (frame, written) => translations.forget(frame, written);
    this.translations = translations;
  }

  get helperEnv(): HelperEnv {
    return this.env;
  }

  run(budget: number): number {
    this.watch?.entering();
    if (!this.settled && this.instructions > SETTLED_INSNS) this.settle();
    if (this.regions?.waiting === true && this.instructions - this.waitingSince > MAX_WAIT) {
      this.regions.compilePending();
      this.waitingSince = this.instructions;
    }
    this.I32[ENG_BUDGET] = budget;
    let stop = this.dispatch();
    while (stop === CPU_STOP.exception && this.I32[ENG_VECTOR] === VECTOR.BREAKPOINT) {
      stop = this.passBreakpoint();
    }
    this.watch?.left();
    this.instructions += budget - (this.I32[ENG_BUDGET] as number);
    return stop;
  }

  /** The program runs for long: what is hot now will be for longer. */
  private settle(): void {
    this.settled = true;
    const { hot, settledHot } = this.engine;
    if (settledHot < hot) this.interp.lowerThreshold(settledHot);
  }

  /** Tells of the breakpoint at rip, executes the instruction there, and goes on. @returns a CPU_STOP */
  private passBreakpoint(): number {
    // With a used-up budget the instruction would not be executed, and the breakpoint met again.
    if ((this.I32[ENG_BUDGET] as number) <= 0) return CPU_STOP.budget;
    this.breakpoints?.hit(this.getReg(REG.rip));
    const stop = this.singleStep(false);
    return stop === 0 ? this.dispatch() : stop;
  }

  private dispatch(): number {
    const { I32, interp, cache } = this;
    let site = 0;
    let epoch = cache.epoch;
    this.singleStepped = false;
    for (;;) {
      if (((I32[W_REST] as number) & EFLAGS_TF) !== 0) return this.singleStep(true);
      const tb = this.lookup();
      if (tb === null) return CPU_STOP.exception;
      if (site !== 0) {
        if (epoch === cache.epoch) interp.link(site, tb.interp, I32[ENG_CODE_GEN] as number);
        site = 0;
      }
      let r: number;
      if (tb.region === null) r = interp.enter(tb.interp);
      // A region looks at the budget only where it loops: regions that lead to each other never would.
      else if ((I32[ENG_BUDGET] as number) < 0) return CPU_STOP.budget;
      else r = this.enterRegion(tb);
      switch (r) {
        case EXIT_LINK:
          site = interp.at.p;
          epoch = cache.epoch;
          break;
        case EXIT.next:
        case EXIT_REGION:
          break;
        case EXIT.syscall:
          return CPU_STOP.syscall;
        case EXIT.exception:
          return CPU_STOP.exception;
        case EXIT.budget:
          return CPU_STOP.budget;
        case EXIT.hot:
          this.hot();
          break;
        case EXIT.selfModify: {
          const stop = this.singleStep(false);
          if (stop !== 0) return stop;
          break;
        }
        case EXIT.slow: {
          const stop = this.stepOver();
          if (stop !== 0) return stop;
          break;
        }
        default:
          panic(`engine exit ${r}`);
      }
    }
  }

  /** The block at rip, translated if need be; null after a fetch fault. */
  private lookup(): Tb | null {
    const { I32, cache } = this;
    const lo = I32[W_RIP] as number;
    const hi = I32[W_RIP + 1] as number;
    const gen = I32[ENG_CODE_GEN] as number;
    const recent = cache.recentAt(lo, hi, gen);
    if (recent !== null) {
      this.interp.cacheJump(recent.interp, gen);
      return recent;
    }
    const host = this.mmu.fetch(lo, hi);
    if (host < 0) return null;
    let tb = cache.find(host, lo, hi);
    if (tb === null || !this.secondPageSame(tb)) tb = this.translate(lo, hi, host);
    if (tb === null) return null;
    tb.gen = I32[ENG_CODE_GEN] as number;
    cache.remember(tb);
    this.interp.cacheJump(tb.interp, tb.gen);
    return tb;
  }

  /** Whether the page that a block's last bytes are in is still the frame it was made from. */
  private secondPageSame(tb: Tb): boolean {
    if (tb.secondFrame < 0) return true;
    const lo = ((tb.pcLo & -PAGE_SIZE) + PAGE_SIZE) | 0;
    const host = this.mmu.fetch(lo, lo === 0 ? tb.pcHi + 1 : tb.pcHi);
    if (host >= 0 && this.mmu.frameOf(host) === tb.secondFrame) return true;
    this.cache.invalidate(
      this.mmu.frameOf(tb.host),
      tb.host & (PAGE_SIZE - 1),
      (tb.host & (PAGE_SIZE - 1)) + 1,
      SECOND_PAGE,
    );
    return false;
  }

  /** Lifts and optimizes the block at hi:lo; `borrowed`: it holds until the next block is lifted. */
  lift(lo: number, hi: number, ccIn: number, insns = -1, borrowed = false): IrBlock {
    const start = this.now?.() ?? 0;
    const ir = translateBlock(this.code, lo, hi, {
      maxInsns: insns < 0 ? MAX_INSNS : insns,
      ccIn,
      breakpoints: this.breakpoints?.addresses ?? null,
      borrowed,
    });
    this.lifted++;
    this.observer?.lifted(ir);
    runPasses(ir, X86_STATE, HELPERS);
    if (this.now !== null) this.translationMs += this.now() - start;
    return ir;
  }

  /** A block as it was lifted, before the passes; null if its code is not mapped any more. */
  relift({ pcLo, pcHi, insnCount }: IrBlock): IrBlock | null {
    const ir = translateBlock(this.code, pcLo, pcHi, { maxInsns: insnCount });
    return ir.byteLength === 0 ? null : ir;
  }

  /** The bytes of a block's guest code, in hexadecimal, as far as they are mapped. */
  codeBytes(ir: IrBlock): string {
    const { mmu } = this;
    let text = '';
    for (let done = 0; done < ir.byteLength; ) {
      const lo = (ir.pcLo + done) | 0;
      const host = mmu.fetch(lo, ir.pcHi + (lo >>> 0 < ir.pcLo >>> 0 ? 1 : 0));
      if (host < 0) return text;
      const n = Math.min(ir.byteLength - done, PAGE_SIZE - (lo & (PAGE_SIZE - 1)));
      for (let i = 0; i < n; i++) {
        text += (this.code.U8[host + i] as number).toString(16).padStart(2, '0');
      }
      done += n;
    }
    return text;
  }

  /** @returns null if not even the first instruction can be fetched whole: the fault is raised */
  private translate(lo: number, hi: number, host: number): Tb | null {
    if (this.interp.full) this.cache.flush();
    const saved = this.saved;
    const known = saved === null ? null : saved.load(this.interp, lo, hi, host);
    if (known !== null) return this.enlistSaved(known, host);
    const ir = this.lift(lo, hi, -1, -1, this.observer === null);
    const block = this.interp.add(ir);
    if (ir.byteLength === 0) {
      this.interp.enter(block);
      this.interp.kill(block);
      return null;
    }
    const tb = this.enlist(block, ir.byteLength, host);
    this.observer?.translated(tb, ir);
    return tb;
  }

  private enlistSaved({ block, bytes, region }: LoadedBlock, host: number): Tb {
    if (region && this.regions?.keeps === true) this.interp.hotAfter(block, SAVED_HOT);
    return this.enlist(block, bytes, host);
  }

  /** The region of an earlier run that begins at a block, if all of its code is here; else it is asked again later. */
  savedRegion(entry: Tb): SavedRegion | null {
    const { saved } = this;
    if (saved === null || this.regions?.keeps !== true) return null;
    return saved.region(entry, (lo, hi) => this.savedBlock(lo, hi));
  }

  /** A block that was asked for a saved region, for which it is too early, runs on. */
  laterHot({ interp }: Tb): void {
    this.interp.hotAfter(interp, this.interp.executions(interp) * SAVED_AGAIN);
  }

  /** The block at hi:lo, if it is or has been translated; translates nothing. */
  private savedBlock(lo: number, hi: number): Tb | null {
    const here = this.peek(lo, hi);
    if (here !== null || this.interp.full) return here;
    const host = this.mmu.fetch(lo, hi);
    const known = host < 0 ? null : (this.saved?.load(this.interp, lo, hi, host) ?? null);
    return known === null ? null : this.enlistSaved(known, host);
  }

  private enlist(block: InterpBlock, bytes: number, host: number): Tb {
    const { pcLo, pcHi } = block;
    let second = -1;
    if ((host & (PAGE_SIZE - 1)) + bytes > PAGE_SIZE) {
      const next = ((pcLo & -PAGE_SIZE) + PAGE_SIZE) | 0;
      second = this.mmu.frameOf(this.mmu.fetch(next, next === 0 ? pcHi + 1 : pcHi));
    }
    const tb = new Tb(block, bytes, host, second, 0);
    this.cache.add(tb);
    return tb;
  }

  /** Translations of earlier runs; null where nobody keeps any, and where each block is to be seen made. */
  private get saved(): TranslationCache | null {
    return this.observer === null && this.breakpoints === null ? this.translations : null;
  }

  get translationStats(): TranslationCacheStats | null {
    return this.translations?.stats ?? null;
  }

  /** Keeps what was translated for later runs. */
  saveTranslations(): void {
    this.saved?.save(this.cache, this.interp, this.regions?.keeps === true);
  }

  /** The block's IR after the passes, made again: few blocks need it again. The code is mapped. */
  irOf({ interp }: Tb): IrBlock {
    return this.lift(interp.pcLo, interp.pcHi, -1, interp.insnCount);
  }

  /** The block at hi:lo if it is translated and mapped as it was; translates nothing. */
  peek(lo: number, hi: number): Tb | null {
    const gen = this.I32[ENG_CODE_GEN] as number;
    const recent = this.cache.recentAt(lo, hi, gen);
    if (recent !== null) return recent;
    const host = this.mmu.fetch(lo, hi);
    if (host < 0) return null;
    const tb = this.cache.find(host, lo, hi);
    return tb !== null && this.secondPageSame(tb) ? tb : null;
  }

  /** How often a block ran, counted until it becomes hot. */
  executions(tb: Tb): number {
    return this.interp.executions(tb.interp);
  }

  private enterRegion(tb: Tb): number {
    const region = tb.region;
    if (region === null) return EXIT.next;
    if (!this.mappedHere(region)) {
      // Another address space: the region stays for its own, this one interprets.
      this.interp.setRegion(tb.interp, false);
      const r = this.interp.enter(tb.interp);
      if (region.alive) this.interp.setRegion(tb.interp, true);
      return r;
    }
    region.entries++;
    if (region.slot >= 0) this.regions?.entered(region);
    if (this.lockstep !== null) return this.lockstep.step(region);
    if (region.lean === null) return region.run();
    return this.runLean(region, region.lean);
  }

  /** Runs a lean region, and has it compiled with slow paths if it needs them too often. */
  private runLean(region: CompiledRegion, lean: LeanCounts): number {
    const budget = this.I32[ENG_BUDGET] as number;
    const r = region.run();
    lean.instructions += budget - (this.I32[ENG_BUDGET] as number);
    if (r !== EXIT.slow || ++lean.slow < SLOW_EXITS) return r;
    if (lean.instructions < lean.slow * INSNS_PER_SLOW_EXIT) {
      region.entry.needsSlowPaths = true;
      this.cache.killRegion(region);
      this.recompile(region.entry);
    }
    lean.slow = 0;
    lean.instructions = 0;
    return r;
  }

  private recompile(tb: Tb): void {
    const region = tb.alive ? (this.regions?.compile(tb) ?? null) : null;
    if (region !== null) this.cache.install(region);
  }

  /**
   * Has the interpreter execute at least the instruction at rip, which a lean region left to it: it alone if
   * the block there has a region too.
   * @returns a CPU_STOP, or 0 to go on
   */
  private stepOver(): number {
    const { I32, interp } = this;
    const tb = this.lookup();
    if (tb === null) return CPU_STOP.exception;
    if (tb.region === null) return 0;
    if (tb.first === null) {
      if (interp.full) this.cache.flush();
      const lo = I32[W_RIP] as number;
      tb.first = interp.add(this.lift(lo, I32[W_RIP + 1] as number, -1, 1));
      interp.coolDown(tb.first);
    }
    const r = interp.enter(tb.first);
    if (r === EXIT.syscall) return CPU_STOP.syscall;
    if (r === EXIT.exception) return CPU_STOP.exception;
    if (r === EXIT.budget) return CPU_STOP.budget;
    return r === EXIT.selfModify ? this.singleStep(false) : 0;
  }

  private mappedHere(region: CompiledRegion): boolean {
    const gen = this.I32[ENG_CODE_GEN] as number;
    if (region.gen === gen) return true;
    for (const m of region.members) if (!this.mappedAsTranslated(m)) return false;
    region.gen = gen;
    return true;
  }

  // ── LockstepHost ──────────────────────────────────────────────────────────────────────────────

  nextRegion(): CompiledRegion | null {
    const { I32 } = this;
    if (((I32[W_REST] as number) & EFLAGS_TF) !== 0 || (I32[ENG_BUDGET] as number) < 0) return null;
    const tb = this.peek(I32[W_RIP] as number, I32[W_RIP + 1] as number);
    const region = tb?.region ?? null;
    if (region === null || !this.mappedHere(region)) return null;
    region.entries++;
    return region;
  }

  interpret(): number {
    const { interp, cache } = this;
    let site = 0;
    let epoch = cache.epoch;
    interp.at.passRegions = true;
    try {
      for (let tb = this.lookup(); tb !== null; tb = this.lookup()) {
        if (site !== 0 && epoch === cache.epoch) {
          interp.link(site, tb.interp, this.I32[ENG_CODE_GEN] as number);
        }
        site = 0;
        const r = interp.enter(tb.interp);
        if (r === EXIT_LINK) {
          site = interp.at.p;
          epoch = cache.epoch;
        } else if (r === EXIT.hot) this.hot();
        else if (r === EXIT.budget && (this.I32[ENG_BUDGET] as number) > 0) {
          const part = this.beginning(this.I32[ENG_BUDGET] as number);
          if (part !== EXIT.next && part !== EXIT_LINK) return part;
        } else if (r !== EXIT.next) return r;
      }
      return EXIT.exception;
    } finally {
      interp.at.passRegions = false;
    }
  }

  /** Interprets the first instructions of the block at rip: a region may stop where none of its blocks ends. */
  private beginning(insns: number): number {
    const { I32, interp } = this;
    if (interp.full) this.cache.flush();
    const ir = this.lift(I32[W_RIP] as number, I32[W_RIP + 1] as number, -1, insns);
    const block = interp.add(ir);
    interp.coolDown(block);
    const r = interp.enter(block);
    interp.kill(block);
    return r;
  }

  describe(region: CompiledRegion): string {
    return this.regions?.describe(region) ?? '';
  }

  private mappedAsTranslated(tb: Tb): boolean {
    const host = this.mmu.fetch(tb.pcLo, tb.pcHi);
    return host === tb.host && (tb.secondFrame < 0 || this.secondPageSame(tb));
  }

  /** The block at rip has become hot. */
  private hot(): void {
    const tb = this.lookup();
    if (tb === null) panic('hot block vanished');
    this.interp.coolDown(tb.interp);
    if (this.regions === null || tb.noRegion || tb.region !== null) return;
    if (!this.regions.waiting) this.waitingSince = this.instructions;
    this.regions.request(tb);
  }

  /** Attaches a region to the block that it begins with. */
  install(region: CompiledRegion, fresh: boolean): void {
    this.cache.install(region);
    if (fresh && this.regions?.keeps === true) this.saved?.made(region);
  }

  /**
   * Executes the one instruction at rip in a throw-away block: after a store into translated code or watched
   * memory (which now goes through and invalidates, or is noted), or because TF is set (#DB afterwards).
   * @returns a CPU_STOP, or 0 to go on
   */
  private singleStep(trap: boolean): number {
    const { I32, interp } = this;
    if (interp.full) this.cache.flush();
    const ir = translateBlock(this.code, I32[W_RIP] as number, I32[W_RIP + 1] as number, {
      maxInsns: 1,
      singleStep: trap,
    });
    const block = interp.add(ir);
    this.singleStepped = trap;
    this.mmu.allowSelfModify = true;
    const r = interp.enter(block);
    this.mmu.allowSelfModify = false;
    this.watch?.stepped(r === EXIT.exception);
    interp.kill(block);
    if (r === EXIT.syscall) return CPU_STOP.syscall;
    if (r === EXIT.exception) return CPU_STOP.exception;
    if (r === EXIT.budget) return CPU_STOP.budget;
    return 0;
  }

  // ── CpuPort ───────────────────────────────────────────────────────────────────────────────────

  get vector(): number {
    return this.mmu.nonCanonical && this.throughStack()
      ? VECTOR_SS
      : (this.I32[ENG_VECTOR] as number);
  }

  get errorCode(): number {
    const error = this.I32[ENG_ERROR] as number;
    if (this.I32[ENG_VECTOR] !== VECTOR_PF || (error & (PF_WRITE | PF_FETCH)) !== 0) return error;
    return this.decodeFaulting() && readsToWrite(this.faulting) ? error | PF_WRITE : error;
  }

  get faultAddress(): number {
    return (
      (this.I32[ENG_FAULT_HI] as number) * 0x1_0000_0000 +
      ((this.I32[ENG_FAULT_LO] as number) >>> 0)
    );
  }

  /** Whether it was rSP's segment through which a non-canonical address was accessed. */
  private throughStack(): boolean {
    if (!this.decodeFaulting()) return false;
    // POP reads at rSP, PUSH writes up to 8 bytes below it.
    const top = this.getRegHi(4) >> 15;
    const canonical = top === 0 || top === -1;
    return usesStackSegment(this.faulting, canonical);
  }

  /** Decodes the instruction at rip, without changing what the engine words say of its fault. */
  private decodeFaulting(): boolean {
    const { I32, mmu } = this;
    const words = [ENG_VECTOR, ENG_ERROR, ENG_FAULT_LO, ENG_FAULT_HI];
    const saved = words.map((w) => I32[w] as number);
    const { lastFault, nonCanonical } = mmu;
    const lo = I32[W_RIP] as number;
    const ok = decodeInsn(this.code, this.faulting, lo, I32[W_RIP + 1] as number);
    words.forEach((w, i) => {
      I32[w] = saved[i] as number;
    });
    mmu.lastFault = lastFault;
    mmu.nonCanonical = nonCanonical;
    return ok;
  }

  describeFault(): string {
    const lo = this.I32[W_RIP] as number;
    const hi = this.I32[W_RIP + 1] as number;
    const bytes: string[] = [];
    for (let i = 0; i < 15; i++) {
      const at = (lo + i) | 0;
      const host = this.mmu.fetch(at, at >>> 0 < lo >>> 0 ? hi + 1 : hi);
      if (host < 0) break;
      bytes.push((this.mem.U8[host] as number).toString(16).padStart(2, '0'));
    }
    return `rip ${this.describePlace(this.getReg(16))}, bytes ${bytes.join(' ')}`;
  }

  describeCaller(): string {
    const here = this.describePlace(this.getReg(16));
    const caller = this.returnsTo();
    return caller === null ? here : `${here}, called from ${this.describePlace(caller)}`;
  }

  private describePlace(pc: number): string {
    const symbol = this.symbolize(pc);
    return `0x${pc.toString(16)}${symbol === null ? '' : ` (${symbol})`}`;
  }

  getReg(reg: number): number {
    const w = W_GPR[reg] as number;
    return ((this.I32[w + 1] as number) >>> 0) * 0x1_0000_0000 + ((this.I32[w] as number) >>> 0);
  }

  setReg(reg: number, value: number): void {
    this.set(W_GPR[reg] as number, value);
  }

  getRegLo(reg: number): number {
    return this.I32[W_GPR[reg] as number] as number;
  }

  getRegHi(reg: number): number {
    return this.I32[(W_GPR[reg] as number) + 1] as number;
  }

  setReg64(reg: number, lo: number, hi: number): void {
    const w = W_GPR[reg] as number;
    this.I32[w] = lo;
    this.I32[w + 1] = hi;
  }

  private set(w: number, value: number): void {
    this.I32[w] = value | 0;
    this.I32[w + 1] = Math.floor(value / 0x1_0000_0000) | 0;
  }

  private get(w: number): number {
    return ((this.I32[w + 1] as number) >>> 0) * 0x1_0000_0000 + ((this.I32[w] as number) >>> 0);
  }

  getEflags(): number {
    return readEflags(this.I32);
  }

  setEflags(value: number): void {
    writeEflags(this.I32, value);
  }

  getFsBase(): number {
    return this.get(W_FS);
  }

  setFsBase(value: number): void {
    this.set(W_FS, value);
  }

  getGsBase(): number {
    return this.get(W_GS);
  }

  setGsBase(value: number): void {
    this.set(W_GS, value);
  }

  saveXstate(dst: Uint8Array): void {
    if (this.xstateSize > FXSAVE_SIZE) writeImage(this.mem, SCRATCH_FX, SUPPORTED, false, 0);
    else fxsave(this.mem, SCRATCH_FX);
    dst.set(this.mem.U8.subarray(SCRATCH_FX, SCRATCH_FX + this.xstateSize));
  }

  restoreXstate(src: Uint8Array): boolean {
    this.mem.U8.set(src.subarray(0, this.xstateSize), SCRATCH_FX);
    if (this.xstateSize > FXSAVE_SIZE) return xrstor(this.mem, SCRATCH_FX, SUPPORTED);
    const mxcsr = this.mem.I32[(SCRATCH_FX + 24) >> 2] as number;
    if ((mxcsr & ~0xffff) !== 0) return false;
    fxrstor(this.mem, SCRATCH_FX);
    return true;
  }

  reset(rip: number, rsp: number): void {
    this.mem.U8.fill(0, STATE_BASE, STATE_BASE + GUEST_STATE_SIZE);
    this.I32[W_MXCSR] = 0x1f80;
    this.I32[W_FPCW] = 0x37f;
    writeEflags(this.I32, 0x202);
    this.setReg(16, rip);
    this.setReg(4, rsp);
  }

  saveState(into: Uint8Array): void {
    into.set(this.mem.U8.subarray(STATE_BASE, STATE_BASE + GUEST_STATE_SIZE));
  }

  loadState(from: Uint8Array): void {
    this.mem.U8.set(from, STATE_BASE);
  }
}

/** Where a signal frame's FXSAVE image is assembled: beyond the scratch of page-crossing accesses. */
const SCRATCH_FX = 0x3000;
