/** Our own bugs stop the program with the state a developer needs; guests and users never get here. */

export class Panic extends Error {
  override name = 'Panic';
}

export function panic(message: string): never {
  throw new Panic(`kevlar-jit bug: ${message}`);
}
