/**
 * The audit of a machine: after every system call that changes memory maps, what may have changed
 * (kernel/mm/incremental-audit.ts) and a share of the translations; everything (kernel/mm/audit.ts)
 * after some hundred or thousand such calls, before the last address space goes, and when the machine stops.
 * For tests (MachineOptions.audit).
 */

import type { Kernel } from '../kernel/kernel.ts';
import { AddressSpace } from '../kernel/mm/address-space.ts';
import { audit } from '../kernel/mm/audit.ts';
import { IncrementalAudit } from '../kernel/mm/incremental-audit.ts';
import type { MmCall } from '../kernel/mm/postconditions.ts';
import type { Task } from '../kernel/task.ts';
import type { PageTables } from '../mmu/page-tables.ts';
import type { WatchedFrames } from '../mmu/watched-frames.ts';
import type { CodeCache } from './code-cache.ts';
import { TranslationAudit } from './translation-audit.ts';

/** System calls that change what is mapped, shared or translated. */
const AUDITED: ReadonlySet<string> = new Set([
  ...['mmap', 'munmap', 'mprotect', 'pkey_mprotect', 'mremap', 'brk', 'madvise', 'msync'],
  ...['mlock', 'mlock2', 'munlock', 'mlockall', 'munlockall', 'shmat', 'shmdt', 'shmctl'],
  ...['fork', 'vfork', 'clone', 'clone3', 'execve', 'execveat', 'exit', 'exit_group'],
  ...['truncate', 'ftruncate', 'fallocate'],
]);

/** An inconsistency: our bug. */
export class AuditError extends Error {
  override name = 'AuditError';
}

const MAX_FINDINGS = 40;
/**
 * Incremental audits before the first full one, which costs as much as some hundred of them; then twice as
 * many before the second, and so on.
 */
const FIRST_FULL = 500;
const FULL_EVERY = 4000;

/** Where all 64 bits are used, only the low half can be flags, and what is an address is none. */
function argument(lo: number, hi: number): number {
  const n = (hi >>> 0) * 2 ** 32 + (lo >>> 0);
  return Number.isSafeInteger(n) ? n : lo >>> 0;
}

export class MachineAudit {
  /** Audits that were made, and how many of them looked at everything. */
  runs = 0;
  fullRuns = 0;
  private readonly kernel: Kernel;
  private readonly translations: TranslationAudit;
  private readonly incremental: IncrementalAudit;
  private sinceFull = 0;
  private untilFull = FIRST_FULL;
  /** After a finding everything would be one: the first is thrown, and nothing is audited any more. */
  private failed = false;

  constructor(kernel: Kernel, cache: CodeCache, frames: WatchedFrames) {
    this.kernel = kernel;
    const { paging } = kernel.mmu;
    this.translations = new TranslationAudit(cache, paging);
    this.incremental = new IncrementalAudit(paging, frames, (frame, held, out) =>
      this.translations.inFrame(frame, held, out),
    );
    paging.onDestroy = (space) => this.leaving(space);
    kernel.onSyscall = (name, task, result) => {
      if (AUDITED.has(name)) this.afterCall(name, task, result);
    };
  }

  /** Audits what changed. Throws an AuditError if anything is inconsistent. */
  checkChanges(after: string): void {
    this.report(after, this.changes(this.kernel.scheduler.current?.mm ?? null, null));
  }

  /** Audits everything. Throws an AuditError if anything is inconsistent. */
  check(after: string): void {
    if (this.failed) return;
    const findings = this.changes(null, null);
    this.everything(findings);
    this.report(after, findings);
  }

  /** All programs were ended: nothing of them is left. */
  stopped(): void {
    if (this.failed) return;
    this.check('stop');
    const left = [...this.kernel.mmu.paging.spaces.keys()];
    this.report(
      'stop',
      left.map((id) => `as ${id} is left, and belongs to no program`),
    );
  }

  private afterCall(name: string, task: Task, result: number): void {
    if (this.failed) return;
    const { argLo, argHi } = task.sys;
    const args = Array.from(argLo, (lo, i) => argument(lo, argHi[i]!));
    const findings = this.changes(task.dead ? null : task.mm, { name, args, result });
    if (++this.sinceFull >= this.untilFull) {
      this.untilFull = Math.min(this.untilFull * 2, FULL_EVERY);
      this.everything(findings);
    }
    this.report(name, findings);
  }

  private leaving(space: PageTables): void {
    if (this.failed) return;
    const findings: string[] = [];
    this.incremental.leaving(space, findings);
    const last = this.kernel.mmu.paging.spaces.size === 1;
    if (last) this.everything(findings);
    this.report('the end of an address space', findings);
  }

  private changes(current: AddressSpace | null, call: MmCall | null): string[] {
    const findings: string[] = [];
    if (this.failed) return findings;
    this.runs++;
    this.incremental.check(current, call, findings);
    this.translations.some(findings);
    return findings;
  }

  private everything(findings: string[]): void {
    this.fullRuns++;
    this.sinceFull = 0;
    const { paging } = this.kernel.mmu;
    const spaces: AddressSpace[] = [];
    for (const { handler } of paging.spaces.values()) {
      if (handler instanceof AddressSpace) spaces.push(handler);
    }
    findings.push(...audit(paging, spaces));
    this.translations.all(findings);
  }

  private report(after: string, findings: readonly string[]): void {
    if (findings.length === 0) return;
    this.failed = true;
    const who = this.kernel.scheduler.current;
    const lines = [...new Set(findings)].slice(0, MAX_FINDINGS).join('\n  ');
    throw new AuditError(`audit after ${after} of ${who?.comm} (${who?.pid}):\n  ${lines}`);
  }
}
