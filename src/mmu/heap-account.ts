/**
 * What the kernel keeps on the host's heap because guests asked for it: open files, what waits in pipes and sockets,
 * areas, messages, names. On Linux it would be in the machine's memory, so it is limited by that: half of the guest's
 * RAM. Costs are rough, and never below what the host needs.
 *
 * Invariants: `used` is the sum of what was taken and not given back; whoever takes asks first, or fails if told so.
 */

const MB = 1024 * 1024;
const MIN_LIMIT = 16 * MB;
const MAX_LIMIT = 512 * MB;
/** files_maxfiles_init(): a file for every 10 KB, and no less than NR_FILE. */
const BYTES_PER_FILE = 10 * 1024;
const NR_FILE = 8192;
/** An open file with its inode and wait queues. */
const FILE_COST = 2048;

export class HeapAccount {
  readonly limit: number;
  used = 0;
  /** fs.file-max. */
  readonly maxFiles: number;
  /** Open file descriptions. */
  files = 0;

  constructor(ramBytes: number) {
    this.limit = Math.min(Math.max(ramBytes / 2, MIN_LIMIT), MAX_LIMIT);
    this.maxFiles = Math.max(Math.floor(ramBytes / BYTES_PER_FILE), NR_FILE);
  }

  hasRoom(bytes: number): boolean {
    return this.used + bytes <= this.limit;
  }

  /** @returns false, having taken nothing, if there is no room */
  take(bytes: number): boolean {
    if (this.used + bytes > this.limit) return false;
    this.used += bytes;
    return true;
  }

  /** Takes what cannot be refused any more: room was asked for before. */
  takeAnyway(bytes: number): void {
    this.used += bytes;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }

  /** @returns false if there are too many */
  takeFile(): boolean {
    if (this.files >= this.maxFiles || !this.take(FILE_COST)) return false;
    this.files++;
    return true;
  }

  giveFile(): void {
    this.files--;
    this.give(FILE_COST);
  }
}
