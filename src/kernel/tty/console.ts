/**
 * The terminal whose other side is the host (ConsolePort in ports.ts): keys come in through input(), output
 * goes to the port, which may take it in parts.
 *
 * Invariant: what the port has not taken is in `pending`, in order; the guest's writes wait while that is
 * LIMIT bytes or more.
 */

import type { Kernel } from '../kernel.ts';
import type { ConsolePort } from '../ports.ts';
import { IUTF8, Termios } from './termios.ts';
import { Tty } from './tty.ts';

/** Bytes that wait for the host before writers do. */
const LIMIT = 65536;

export class ConsoleTty extends Tty {
  readonly device: number;
  /** The host's side is gone. */
  closedByPeer = false;
  private readonly port: ConsolePort;
  private pending: Uint8Array[] = [];
  private pendingLength = 0;

  constructor(kernel: Kernel, port: ConsolePort, device: number) {
    super(kernel, new Termios());
    this.termios.iflag |= IUTF8;
    this.port = port;
    this.device = device;
    this.size.rows = port.rows;
    this.size.cols = port.columns;
  }

  protected override space(): number {
    return LIMIT - this.pendingLength;
  }

  protected override transmit(bytes: Uint8Array): void {
    if (this.closedByPeer) return;
    if (this.pendingLength > 0) {
      this.hold(bytes);
      return;
    }
    const taken = this.port.write(bytes);
    if (taken < 0) this.disconnect();
    else if (taken < bytes.length) this.hold(bytes.subarray(taken));
  }

  private hold(bytes: Uint8Array): void {
    this.pending.push(bytes);
    this.pendingLength += bytes.length;
  }

  /** The port takes bytes again. */
  onWritable(): void {
    while (this.pending.length > 0) {
      const bytes = this.pending[0] as Uint8Array;
      const taken = this.port.write(bytes);
      if (taken < 0) {
        this.disconnect();
        return;
      }
      this.pendingLength -= taken;
      if (taken < bytes.length) {
        this.pending[0] = bytes.subarray(taken);
        break;
      }
      this.pending.shift();
    }
    this.outputDrained();
  }

  override pendingOutput(): number {
    return this.pendingLength;
  }

  override dropOutput(): void {
    this.pending = [];
    this.pendingLength = 0;
  }

  /** The host's terminal is gone: hangs up. */
  disconnect(): void {
    if (this.closedByPeer) return;
    this.closedByPeer = true;
    this.hangUp();
  }
}
