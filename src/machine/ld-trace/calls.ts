/**
 * Calls of dlopen, dlsym and dlclose in a guest, from breakpoints at the functions and at where they return to. The
 * arguments are read when the call begins: the guest may change them until it ends.
 */

import { type CpuPort, REG } from '../../kernel/ports.ts';
import type { Task } from '../../kernel/task.ts';
import type { GuestReader } from './guest-reader.ts';

/** Functions that the trace looks for in C libraries. */
export const CALL_NAMES = ['dlopen', 'dlsym', 'dlclose'] as const;
export type CallName = (typeof CALL_NAMES)[number];

/** Calls in each other (of constructors that load libraries) that are remembered. */
const MAX_DEPTH = 64;

export interface LoaderCall {
  readonly name: CallName;
  /** Where it returns to, and what rsp is then. */
  readonly returnTo: number;
  readonly sp: number;
  /** dlsym, dlclose: the handle. */
  readonly handle: number;
  /** dlopen, dlsym: the name; null: none was given, or it cannot be read. */
  readonly text: string | null;
  /** dlopen: RTLD_*. */
  readonly flags: number;
  /** What is shown of it, for afterwards a handle may stand for nothing. */
  shown: string;
}

export class CallStacks {
  private readonly stacks: WeakMap<Task, LoaderCall[]> = new WeakMap();

  /** The task is at the first instruction of a function. @returns the call, or null without a return address */
  begin(task: Task, name: CallName, cpu: CpuPort, reader: GuestReader): LoaderCall | null {
    const sp = cpu.getReg(REG.rsp);
    const returnTo = reader.u64(sp);
    if (returnTo === null) return null;
    const first = cpu.getReg(REG.rdi);
    const second = cpu.getReg(REG.rsi);
    const text = name === 'dlclose' ? 0 : name === 'dlopen' ? first : second;
    const call: LoaderCall = {
      name,
      returnTo,
      sp: sp + 8,
      handle: name === 'dlopen' ? 0 : first,
      text: text === 0 ? null : reader.string(text),
      flags: cpu.getRegLo(REG.rsi),
      shown: '',
    };
    const stack = this.dropLeft(task, sp);
    if (stack.length >= MAX_DEPTH) stack.shift();
    stack.push(call);
    this.stacks.set(task, stack);
    return call;
  }

  /** The task is at `address`. @returns the call that has returned there */
  end(task: Task, address: number, cpu: CpuPort): LoaderCall | null {
    const sp = cpu.getReg(REG.rsp);
    const stack = this.dropLeft(task, sp - 8);
    const call = stack.at(-1);
    if (call === undefined || call.returnTo !== address || call.sp !== sp) return null;
    stack.pop();
    return call;
  }

  forget(task: Task): void {
    this.stacks.delete(task);
  }

  /** Takes out the calls that will not return, for the stack has been unwound beyond them (longjmp). */
  private dropLeft(task: Task, sp: number): LoaderCall[] {
    const stack = this.stacks.get(task) ?? [];
    while (stack.length > 0 && stack.at(-1)!.sp <= sp) stack.pop();
    return stack;
  }
}
