/** @returns a function that calls `make` the first time, and gives what that gave ever after */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
