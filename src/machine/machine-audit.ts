/**
 * The audit of a whole machine after every system call that changes memory maps: page tables, areas,
 * TLB, frames (src/kernel/mm/audit.ts), and translations, whose source bytes must be what they were made
 * from. For tests (MachineOptions.audit); slow.
 */

import { PAGE_SIZE } from '../common/layout.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { AddressSpace } from '../kernel/mm/address-space.ts';
import { audit } from '../kernel/mm/audit.ts';
import { frameHost } from '../mmu/frames.ts';
import type { CodeCache, Tb } from './code-cache.ts';

/** System calls that change what is mapped, shared or translated. */
const AUDITED: ReadonlySet<string> = new Set([
  ...['mmap', 'munmap', 'mprotect', 'mremap', 'brk', 'madvise', 'mlock', 'munlock'],
  ...['shmat', 'shmdt', 'fork', 'vfork', 'clone', 'execve', 'execveat', 'exit', 'exit_group'],
  ...['truncate', 'ftruncate', 'fallocate'],
]);

/** An inconsistency: our bug. */
export class AuditError extends Error {
  override name = 'AuditError';
}

const MAX_FINDINGS = 40;

export class MachineAudit {
  /** Audits that were made. */
  runs = 0;
  private readonly kernel: Kernel;
  private readonly cache: CodeCache;
  private readonly U8: Uint8Array;
  /** The bytes each live translation was made from. */
  private readonly sources: WeakMap<Tb, Uint8Array> = new WeakMap();

  constructor(kernel: Kernel, cache: CodeCache) {
    this.kernel = kernel;
    this.cache = cache;
    this.U8 = kernel.memory.U8;
    cache.onAdd = (tb) => this.sources.set(tb, this.sourceOf(tb));
    kernel.onSyscall = (name) => {
      if (AUDITED.has(name)) this.check(name);
    };
  }

  /** Throws an AuditError if anything is inconsistent. */
  check(after: string): void {
    this.runs++;
    const { kernel } = this;
    const spaces = new Set<AddressSpace>();
    for (const task of kernel.tasks.values()) if (!task.dead) spaces.add(task.mm);
    const findings = audit(kernel.mmu.paging, spaces, () => this.changedTranslations());
    if (findings.length === 0) return;
    const who = kernel.scheduler.current;
    const lines = findings.slice(0, MAX_FINDINGS).join('\n  ');
    throw new AuditError(`audit after ${after} of ${who?.comm} (${who?.pid}):\n  ${lines}`);
  }

  private sourceOf(tb: Tb): Uint8Array {
    const inFirst = Math.min(tb.byteLength, PAGE_SIZE - (tb.host & (PAGE_SIZE - 1)));
    const bytes = new Uint8Array(tb.byteLength);
    bytes.set(this.U8.subarray(tb.host, tb.host + inFirst));
    if (tb.secondFrame >= 0) {
      const at = frameHost(tb.secondFrame);
      bytes.set(this.U8.subarray(at, at + tb.byteLength - inFirst), inFirst);
    }
    return bytes;
  }

  private changedTranslations(): string[] {
    const out: string[] = [];
    for (const tb of this.cache.blocks()) {
      const before = this.sources.get(tb);
      if (before === undefined) {
        out.push(`${tb.pc.toString(16)}: made before the audit was switched on`);
        continue;
      }
      const now = this.sourceOf(tb);
      const at = before.findIndex((b, i) => b !== now[i]);
      if (at < 0) continue;
      out.push(
        `${tb.pc.toString(16)}: byte ${at} of ${before.length} is ${now[at]?.toString(16)}, translated as ${before[at]?.toString(16)}`,
      );
    }
    return out;
  }
}
