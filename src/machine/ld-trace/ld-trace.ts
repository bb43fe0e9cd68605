/**
 * What the dynamic loaders in a guest do (`--trace-ld`), seen from outside: system calls that map, what they leave in
 * memory, and breakpoints at the program's entry, at dlopen, dlsym and dlclose, and where those return to. It
 * reads the guest's memory and changes nothing there.
 *
 * When an object's relocations have been made: its RELRO pages become read-only, the program starts, or dlopen
 * returns; whatever comes first. Memory is the guest's, so that everything read from it is bounded.
 */

import { u64 } from '../../kernel/exec/elf.ts';
import { AT } from '../../kernel/exec/stack.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { PROT_READ, PROT_WRITE } from '../../kernel/mm/abi.ts';
import type { AddressSpace } from '../../kernel/mm/address-space.ts';
import { REG } from '../../kernel/ports.ts';
import { hex } from '../../kernel/syscall/text.ts';
import type { Task } from '../../kernel/task.ts';
import { Breakpoints } from '../breakpoints.ts';
import { STT_TLS } from '../elf-object.ts';
import type { Machine } from '../machine.ts';
import { CALL_NAMES, type CallName, CallStacks, type LoaderCall } from './calls.ts';
import { DT, readDynamic } from './elf-image.ts';
import { GuestReader } from './guest-reader.ts';
import { type LoadedObject, ObjectList, relroRange } from './objects.ts';
import { RelocationReader } from './relocations.ts';
import {
  flagsText,
  handleText,
  pathText,
  quoted,
  rangeText,
  relocationText,
  segmentsText,
} from './text.ts';

/** C libraries and loaders, by file name: where dlopen and its like are looked for. */
const C_LIBRARY = /^(ld-|ld\.so|libc[.-]|libdl[.-])/;
/** Breakpoints in all; calls whose return would need another one are shown without their result. */
const MAX_BREAKPOINTS = 4096;
/** Bytes of relocation tables that are read of one address space. */
const MAX_TABLES = 256 * 1024 * 1024;
/** Deferred bindings, of all objects of an address space, after which no more are watched. */
const MAX_DEFERRED = 4096;
/** Objects with thread-local variables that are asked for one. */
const MAX_ASKED = 256;
/** Objects in the loader's own list that are counted. */
const MAX_LINKS = 10_000;
const MAPPING_CALLS: ReadonlySet<string> = new Set(['mmap', 'mprotect', 'munmap', 'brk', 'mremap']);

/** What is known of one address space. */
class TracedSpace {
  readonly reader: GuestReader;
  readonly objects: ObjectList;
  readonly functions: Map<number, CallName> = new Map();
  /** Breakpoints that take effect here. */
  readonly armed: Set<number> = new Set();
  entry = -1;
  /** The program's own code runs; before, its loader does. */
  started = false;
  interpreter: LoadedObject | null = null;
  program: LoadedObject | null = null;
  tableBytes = 0;
  /** Slots that were left unbound, bound later or not. */
  deferred = 0;

  constructor(space: AddressSpace) {
    this.reader = new GuestReader(space);
    this.objects = new ObjectList(this.reader);
  }
}

export class LdTrace {
  private readonly kernel: Kernel;
  private readonly sink: (line: string) => void;
  private readonly breakpoints: Breakpoints;
  private readonly spaces: WeakMap<AddressSpace, TracedSpace> = new WeakMap();
  private readonly calls: CallStacks = new CallStacks();

  private constructor(machine: Machine, sink: (line: string) => void) {
    this.kernel = machine.kernel;
    this.sink = sink;
    this.breakpoints = new Breakpoints(machine.cpu.cache, machine.mmu, (at) => this.hit(at));
    machine.cpu.breakpoints = this.breakpoints;
    this.kernel.onProgram = (task) => this.programLoaded(task);
    const { onSyscall } = this.kernel;
    this.kernel.onSyscall = (name, task, result) => {
      onSyscall?.(name, task, result);
      this.called(name, task, result);
    };
  }

  /** Starts tracing; to be called before a program starts. */
  static start(machine: Machine, sink: (line: string) => void): void {
    new LdTrace(machine, sink);
  }

  private line(task: Task, text: string): void {
    this.sink(`[${task.tgid}] ${text}`);
  }

  // ── events ────────────────────────────────────────────────────────────────────────────────────

  private programLoaded(task: Task): void {
    const traced = this.adopt(task);
    this.calls.forget(task);
    const { path } = task.process.image;
    const name = path === null ? '?' : pathText(task.process.image.file?.describe() ?? '?');
    const interpreter =
      traced.interpreter === null ? '' : ` loader ${pathText(traced.interpreter.path)}`;
    this.line(task, `exec ${name} entry ${hex(traced.entry)}${interpreter}`);
    for (const object of traced.objects.items) this.announce(task, traced, object);
    // Without a loader the program relocates itself, after its entry.
    if (traced.interpreter !== null) this.arm(traced, traced.entry);
  }

  /** What is known of a task's address space; one that fork made is taken as it is. */
  private of(task: Task): TracedSpace {
    const known = this.spaces.get(task.mm);
    if (known !== undefined) return known;
    const traced = this.adopt(task);
    traced.started = true;
    for (const object of traced.objects.items) {
      object.relocated = true;
      this.findFunctions(traced, object);
    }
    return traced;
  }

  private adopt(task: Task): TracedSpace {
    const traced = new TracedSpace(task.mm);
    this.spaces.set(task.mm, traced);
    traced.objects.scan();
    const { auxv } = task.process.image;
    const d = new DataView(auxv.buffer, auxv.byteOffset, auxv.length);
    for (let at = 0; at + 16 <= auxv.length; at += 16) {
      const value = u64(d, at + 8);
      const type = u64(d, at);
      if (type === AT.ENTRY) traced.entry = value;
      else if (type === AT.PHDR) traced.program = traced.objects.at(value);
      else if (type === AT.BASE && value !== 0) traced.interpreter = traced.objects.at(value);
    }
    return traced;
  }

  private called(name: string, task: Task, result: number): void {
    if (task.dead) return;
    const traced = this.of(task);
    if (!MAPPING_CALLS.has(name)) {
      // A program without a loader has relocated itself before its first system call.
      const itself = traced.interpreter === null && name !== 'execve' && name !== 'execveat';
      if (!traced.started && itself) this.start(task, traced);
      return;
    }
    if (result < 0) return;
    const { argLo, argHi } = task.sys;
    const arg = (i: number): number => (argHi[i]! >>> 0) * 0x1_0000_0000 + (argLo[i]! >>> 0);
    if (name === 'munmap') {
      for (const o of traced.objects.unmapped(arg(0), arg(0) + arg(1))) {
        this.line(task, `unmap ${pathText(o.path)} at ${hex(o.image.start)}`);
      }
    } else if (name === 'mmap') traced.objects.mapped(result);
    for (const object of traced.objects.completed()) this.announce(task, traced, object);
    if (name === 'mprotect') this.protected(task, traced, arg(0), arg(1), argLo[2]!);
  }

  /** Pages have other rights: if they are an object's RELRO, its relocations have been made. */
  private protected(
    task: Task,
    traced: TracedSpace,
    start: number,
    length: number,
    prot: number,
  ): void {
    if ((prot & (PROT_READ | PROT_WRITE)) !== PROT_READ) return;
    const object = traced.objects.at(start);
    if (object === null || object.relocated) return;
    // Loaders leave out the page that the end of RELRO shares with other data.
    const [low, high] = relroRange(object.image);
    const end = start + length;
    if (start !== low || end <= start || end > high) return;
    this.relocated(task, traced, object);
    this.line(task, `relro ${pathText(object.path)} ${rangeText(start, end)}`);
  }

  private hit(address: number): void {
    const task = this.kernel.scheduler.current;
    if (task === null) return;
    const traced = this.of(task);
    if (address === traced.entry && !traced.started) this.start(task, traced);
    const { cpu } = this.kernel;
    const returned = this.calls.end(task, address, cpu);
    if (returned !== null) this.returned(task, traced, returned);
    const name = traced.functions.get(address);
    if (name === undefined) return;
    const call = this.calls.begin(task, name, cpu, traced.reader);
    if (call === null) return;
    call.shown = this.callText(traced, call);
    if (!this.arm(traced, call.returnTo)) this.line(task, `${call.shown} = ?`);
  }

  // ── lines ─────────────────────────────────────────────────────────────────────────────────────

  private announce(task: Task, traced: TracedSpace, object: LoadedObject): void {
    const { image, path } = object;
    const segments = segmentsText(traced.reader.space, object);
    this.line(task, `map ${pathText(path)} at ${hex(image.start)} ${segments}`);
    this.findFunctions(traced, object);
  }

  private findFunctions(traced: TracedSpace, object: LoadedObject): void {
    const name = object.path.slice(object.path.lastIndexOf('/') + 1);
    if (object !== traced.interpreter && !C_LIBRARY.test(name)) return;
    for (const call of CALL_NAMES) {
      const address = object.addressOf(call) ?? -1;
      if (object.contains(address) && this.arm(traced, address))
        traced.functions.set(address, call);
    }
  }

  /** All that its loader had to do for a program is done. */
  private start(task: Task, traced: TracedSpace): void {
    traced.started = true;
    this.allRelocated(task, traced);
    const listed = this.countLinks(traced);
    const { path } = task.process.image;
    if (path === null || listed === 0) return;
    const name = pathText(task.process.image.file?.describe() ?? '?');
    this.line(task, `start ${name} at ${hex(traced.entry)} objects ${listed}`);
  }

  /** How many objects are in the loader's list (struct r_debug, struct link_map in link.h). */
  private countLinks(traced: TracedSpace): number {
    const { program, reader } = traced;
    if (program === null) return 0;
    const debug = readDynamic(reader, program.image).get(DT.DEBUG) ?? 0;
    if (debug === 0) return 0;
    let n = 0;
    for (let at = reader.u64(debug + 8); at !== null && at !== 0 && n < MAX_LINKS; n++) {
      at = reader.u64(at + 24);
    }
    return n;
  }

  private allRelocated(task: Task, traced: TracedSpace): void {
    for (const object of traced.objects.items) {
      if (!object.relocated) this.relocated(task, traced, object);
    }
  }

  private relocated(task: Task, traced: TracedSpace, object: LoadedObject): void {
    object.relocated = true;
    if (traced.tableBytes >= MAX_TABLES) return;
    const { reader } = traced;
    const path = pathText(object.path);
    const found = new RelocationReader(reader, object.image, object.symbols).read();
    traced.tableBytes += found.bytes;
    for (const table of found.tables) this.line(task, `reloc ${path} ${relocationText(table)}`);
    if (traced.deferred < MAX_DEFERRED) object.deferred = found.deferred;
    traced.deferred += found.deferred.length;
    for (const { address, symbol } of found.deferred) {
      this.line(task, `defer ${path} ${quoted(symbol)} slot ${hex(address)}`);
    }
    const { tls, bias } = object.image;
    if (tls === null) return;
    const module = found.tlsModule === 0 ? '' : ` module ${found.tlsModule}`;
    const image = rangeText(bias + tls.vaddr, bias + tls.vaddr + tls.filesz);
    this.line(task, `tls ${path} image ${image} size ${tls.memsz} align ${tls.align}${module}`);
  }

  /** Slots that were left unbound and no longer are. */
  private bindDeferred(task: Task, traced: TracedSpace): void {
    for (const object of traced.objects.items) {
      if (object.deferred.length === 0) continue;
      const state = new RelocationReader(traced.reader, object.image, object.symbols);
      object.deferred = object.deferred.filter(({ address, symbol }) => {
        if (!state.isBound(address)) return true;
        const target = traced.reader.u64(address) ?? 0;
        const text = `bind ${pathText(object.path)} ${quoted(symbol)} slot ${hex(address)}`;
        this.line(task, `${text} = ${this.placeText(traced, target, symbol)}`);
        return false;
      });
    }
  }

  private returned(task: Task, traced: TracedSpace, call: LoaderCall): void {
    const value = this.kernel.cpu.getReg(REG.rax);
    this.bindDeferred(task, traced);
    const text = call.shown;
    if (call.name === 'dlclose') this.line(task, `${text} = ${value | 0}`);
    else if (call.name === 'dlsym') {
      const place = this.placeText(traced, value, call.text);
      const caller = traced.objects.at(call.returnTo);
      const by = caller === null ? '' : ` for ${offsetText(caller, call.returnTo)}`;
      this.line(task, `${text} = ${place}${by}`);
    } else {
      this.allRelocated(task, traced);
      this.line(task, `${text} = ${value === 0 ? 'NULL' : this.handle(traced, value)}`);
    }
  }

  private callText(traced: TracedSpace, call: LoaderCall): string {
    if (call.name === 'dlopen') return `dlopen(${quoted(call.text)}, ${flagsText(call.flags)})`;
    const handle = this.handle(traced, call.handle);
    return call.name === 'dlclose'
      ? `dlclose(${handle})`
      : `dlsym(${handle}, ${quoted(call.text)})`;
  }

  /** A handle is the address of a struct link_map; its l_ld tells whose. */
  private handle(traced: TracedSpace, handle: number): string {
    const dynamic = handle === 0 ? null : traced.reader.u64(handle + 16);
    return handleText(handle, dynamic === null ? null : traced.objects.byDynamic(dynamic));
  }

  /** An address that a lookup gave, and the object that it is of. */
  private placeText(traced: TracedSpace, address: number, symbol: string | null): string {
    if (address === 0) return 'NULL';
    const object = traced.objects.at(address);
    const known = symbol === null || object?.addressOf(symbol) === address;
    if (!known) {
      // A thread's copy of a variable lies in no object, or in what is left of one's last page.
      const isVariable = (o: LoadedObject): boolean => o.symbols.find(symbol)?.type === STT_TLS;
      const asked = traced.objects.items.filter((o) => o.image.tls !== null);
      const definer = asked.slice(0, MAX_ASKED).find(isVariable);
      if (definer !== undefined) return `${hex(address)} in tls of ${pathText(definer.path)}`;
    }
    return object === null ? hex(address) : `${hex(address)} in ${offsetText(object, address)}`;
  }

  // ── breakpoints ───────────────────────────────────────────────────────────────────────────────

  /** @returns whether there is a breakpoint at `address` in this (the active) address space */
  private arm(traced: TracedSpace, address: number): boolean {
    if (traced.armed.has(address)) return true;
    const { addresses } = this.breakpoints;
    if (!addresses.has(address) && addresses.size >= MAX_BREAKPOINTS) return false;
    traced.armed.add(address);
    this.breakpoints.add(address);
    return true;
  }
}

function offsetText(object: LoadedObject, address: number): string {
  return `${pathText(object.path)}+${hex(address - object.image.start)}`;
}
