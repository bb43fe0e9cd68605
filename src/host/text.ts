/** Text of the host and byte strings of the kernel, which hold one character per byte (UTF-8). */

export function toBytesString(text: string): string {
  let s = '';
  for (const b of new TextEncoder().encode(text)) s += String.fromCharCode(b);
  return s;
}

export function fromBytesString(bytes: string): string {
  return new TextDecoder().decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0)));
}
