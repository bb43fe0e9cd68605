/**
 * What the kernel needs from outside: the CPU (src/machine), and the platform (src/host).
 */

/** Numbers of the general registers, in encoding order. */
export const REG = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
  rip: 16,
} as const;

/** Why the CPU came back to the scheduler. */
export const CPU_STOP = { syscall: 1, exception: 2, budget: 3 } as const;

/** The CPU, whose current registers are those of the running task. */
export interface CpuPort {
  /** Runs the loaded task for about `budget` instructions. @returns a CPU_STOP */
  run(budget: number): number;
  /**
   * Exception vector (SDM vol. 3 table 6-1), error code and CR2 of a CPU_STOP.exception. Addresses of the
   * kernel's half are negative, and so exact.
   */
  readonly vector: number;
  readonly errorCode: number;
  readonly faultAddress: number;
  /** #DB is that of EFLAGS.TF, not of INT1. */
  readonly singleStepped: boolean;
  /** A short text for the log: opcode bytes and symbol at rip, e.g. for #UD. */
  describeFault(): string;
  /** Where the program is, with its function and that function's caller as far as they are known. */
  describeCaller(): string;

  /** Registers of the loaded task. Numbers are exact up to 2^53; use lo/hi for full 64 bits. */
  getReg(reg: number): number;
  setReg(reg: number, value: number): void;
  getRegLo(reg: number): number;
  getRegHi(reg: number): number;
  setReg64(reg: number, lo: number, hi: number): void;
  getEflags(): number;
  setEflags(value: number): void;
  getFsBase(): number;
  setFsBase(value: number): void;
  getGsBase(): number;
  setGsBase(value: number): void;
  /** Size in bytes of the extended state in a signal frame (512 for FXSAVE, more with AVX). */
  readonly xstateSize: number;
  /** Writes / reads the extended state (XSAVE standard format) at dst/src[0..xstateSize). */
  saveXstate(dst: Uint8Array): void;
  /** @returns false if the image is invalid (reserved MXCSR bits …): #GP, so SIGSEGV */
  restoreXstate(src: Uint8Array): boolean;
  /** All registers of a fresh process: zero, with rip and rsp, MXCSR 0x1f80, FCW 0x37f. */
  reset(rip: number, rsp: number): void;

  /** CPUID.1:EDX, for AT_HWCAP; AT_HWCAP2: bit 1 FSGSBASE. */
  readonly hwcap: number;
  readonly hwcap2: number;
  /** Features as /proc/cpuinfo names them. */
  readonly flags: readonly string[];

  /** Bytes of a task's saved state. */
  readonly stateSize: number;
  /** Copies the loaded state out / loads a saved one. */
  saveState(into: Uint8Array): void;
  loadState(from: Uint8Array): void;
}

/** Random-access storage for an ext4 image, in bytes. Throws only on host I/O errors. */
export interface BlockDevice {
  readonly size: number;
  readonly readOnly: boolean;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  /** Returns when everything written is durable. */
  flush(): void;
}

export interface Clock {
  /** CLOCK_REALTIME, in nanoseconds since the epoch, as seconds and nanoseconds. */
  realtime(): { sec: number; nsec: number };
  /** Monotonic, in milliseconds with fraction. */
  monotonicMs(): number;
}

/** A terminal or pipe of the host, as the guest's console. */
export interface ConsolePort {
  readonly isTty: boolean;
  readonly columns: number;
  readonly rows: number;
  /** Writes bytes. @returns how many were taken (0: full, `onWritable` will be called), or -errno (EPIPE) */
  write(bytes: Uint8Array): number;
}

/** What the kernel asks of the platform. */
export interface HostPort {
  readonly clock: Clock;
  /** Fills with cryptographic random bytes. */
  random(into: Uint8Array): void;
  /** A line for the user (unknown syscalls, unknown opcodes). */
  log(line: string): void;
}
