/** Room on the host's heap for what guests make the kernel keep (mmu/heap-account.ts). */

import type { HeapAccount } from '../mmu/heap-account.ts';
import { ENOMEM, linuxError } from './errno.ts';

/** Throws ENOMEM if there is no room. */
export function takeHeap(heap: HeapAccount, bytes: number): void {
  if (!heap.take(bytes)) throw linuxError(ENOMEM);
}

/** Throws ENOMEM if there would be no room. */
export function checkHeap(heap: HeapAccount, bytes: number): void {
  if (!heap.hasRoom(bytes)) throw linuxError(ENOMEM);
}
