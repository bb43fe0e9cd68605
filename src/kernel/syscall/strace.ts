/**
 * The trace of system calls and signals in the text form of strace -f.
 *
 * A line is held back while its call runs, so that a call that nothing interrupts is one line;
 * when another task writes meanwhile the line ends with `<unfinished ...>` and is resumed later.
 */

import { errnoMessage, errnoName } from '../errno.ts';
import { signalName } from '../signal/numbers.ts';
import type { SigInfo } from '../signal/siginfo.ts';
import { formatSigInfo } from '../signal/siginfo-text.ts';
import type { Task } from '../task.ts';
import { SYSCALL_NAMES } from './names.ts';
import { hex, octal } from './text.ts';
import {
  type ArgType,
  ERESTART_RESTARTBLOCK,
  ERESTARTNOHAND,
  ERESTARTNOINTR,
  ERESTARTSYS,
  type FormatContext,
  KEEP_REGISTERS,
} from './types.ts';

/** Column of the `=`. */
const RESULT_COLUMN = 39;
const HEX_RESULTS: ReadonlySet<string> = new Set(['mmap', 'brk', 'mremap', 'shmat']);
const RESTARTS: Readonly<Record<number, string>> = {
  [ERESTARTSYS]: 'ERESTARTSYS (To be restarted if SA_RESTART is set)',
  [ERESTARTNOINTR]: 'ERESTARTNOINTR (To be restarted)',
  [ERESTARTNOHAND]: 'ERESTARTNOHAND (To be restarted if no handler)',
  [ERESTART_RESTARTBLOCK]: 'ERESTART_RESTARTBLOCK (Interrupted by signal)',
};

interface OpenLine {
  readonly task: Task;
  readonly text: string;
}

export class Strace {
  private readonly sink: (line: string) => void;
  private open: OpenLine | null = null;

  constructor(sink: (line: string) => void) {
    this.sink = sink;
  }

  /** A call begins: shows the arguments before the first that the kernel fills. */
  enter(task: Task): void {
    this.flush();
    const { before } = this.formatArgs(task, null);
    this.open = { task, text: `${task.sys.row?.name}(${before}` };
  }

  exit(task: Task, result: number): void {
    const shown = result === KEEP_REGISTERS ? 0 : result;
    const { after } = this.formatArgs(task, shown);
    this.finishLine(task, `${after})`, this.formatResult(task, result));
  }

  /** The host has started a program: `call` is the execve(2) that did it. */
  started(task: Task, call: string): void {
    this.flush();
    this.emit(task, call, '0');
  }

  unknown(task: Task, nr: number): void {
    this.flush();
    const { argLo, argHi } = task.sys;
    const args: string[] = [];
    for (let i = 0; i < 6; i++) {
      args.push(hex((argHi[i]! >>> 0) * 4294967296 + (argLo[i]! >>> 0)));
    }
    const name = SYSCALL_NAMES[nr] ?? `syscall_${hex(nr)}`;
    const result = '-1 ENOSYS (Function not implemented)';
    this.emit(task, `${name}(${args.join(', ')})`, result);
  }

  signal(task: Task, info: SigInfo): void {
    this.flush();
    this.sink(`${this.prefix(task)}--- ${signalName(info.signo)} ${formatSigInfo(info)} ---`);
  }

  stopped(task: Task, sig: number): void {
    this.flush();
    this.sink(`${this.prefix(task)}--- stopped by ${signalName(sig)} ---`);
  }

  taskEnded(task: Task, status: number): void {
    if (this.open?.task === task || task.sys.unfinished) this.finishLine(task, ')', '?');
    this.flush();
    const sig = status & 0x7f;
    const how = sig === 0 ? `exited with ${status >>> 8}` : `killed by ${signalName(sig)}`;
    this.sink(`${this.prefix(task)}+++ ${how} +++`);
  }

  private prefix(task: Task): string {
    return task.kernel.tasks.size > 1 ? `[pid ${String(task.pid).padStart(5)}] ` : '';
  }

  private emit(task: Task, text: string, result: string): void {
    this.sink(`${`${this.prefix(task)}${text}`.padEnd(RESULT_COLUMN)} = ${result}`);
  }

  private finishLine(task: Task, rest: string, result: string): void {
    if (this.open?.task === task) {
      const { text } = this.open;
      this.open = null;
      this.emit(task, text + rest, result);
      return;
    }
    this.flush();
    task.sys.unfinished = false;
    this.emit(task, `<... ${task.sys.row?.name} resumed>${rest}`, result);
  }

  /** Ends the line of the call that still runs. */
  private flush(): void {
    const { open } = this;
    if (open === null) return;
    this.open = null;
    open.task.sys.unfinished = true;
    this.sink(`${this.prefix(open.task)}${open.text} <unfinished ...>`);
  }

  /** The arguments, split where the first one that is known only afterwards begins. */
  private formatArgs(task: Task, result: number | null): { before: string; after: string } {
    const { sys } = task;
    const types = sys.row?.args ?? {};
    const args = sys.args as Record<string, unknown>;
    const ctx: FormatContext = { args, result, mem: task.mm.mem, task };
    let before = '';
    let after = '';
    let out = false;
    let count = 0;
    for (const name in types) {
      const type = types[name] as ArgType<unknown>;
      if (!out && type.out === true) {
        out = true;
        // The comma before the first unknown argument is there while the call still runs.
        if (count > 0 && type.optional !== true) {
          before += ', ';
          count = 0;
        }
      }
      if (out ? result === null : result !== null) {
        if (!out) count++;
        continue;
      }
      const text = type.format(args[name], ctx);
      if (text === '') continue;
      const separated = count++ > 0 ? `, ${text}` : text;
      if (out) after += separated;
      else before += separated;
    }
    return { before, after };
  }

  private formatResult(task: Task, result: number): string {
    if (result === KEEP_REGISTERS) return '0';
    const restart = RESTARTS[-result];
    if (restart !== undefined) return `? ${restart}`;
    if (result < 0 && result >= -4095) {
      return `-1 ${errnoName(-result)} (${errnoMessage(-result)})`;
    }
    const name = task.sys.row?.name ?? '';
    if (name === 'umask') return octal(result);
    return HEX_RESULTS.has(name) ? hex(result) : String(result);
  }
}
