/** Puts regions together in a module: each numbers what it calls for itself. */

import type { EmittedModule, RegionObject } from './emit-region.ts';
import { ByteWriter } from './encode.ts';
import type { Code } from './function-body.ts';
import { Imports } from './imports.ts';
import { encodeModule } from './module.ts';

export function linkRegions(objects: readonly RegionObject[]): EmittedModule {
  const imports = new Imports();
  const bodies = objects.map((object) => place(object, imports));
  const names = objects.map((o) => o.name);
  const { list } = imports;
  return { bytes: encodeModule(bodies, list, names), regions: objects.length, imports: list };
}

/** The object's code with the module's numbers of what it calls. */
function place({ bytes, hints, calls, imports: own }: RegionObject, imports: Imports): Code {
  const numbers = own.map((x) => imports.add(x));
  const out = new ByteWriter(bytes.length);
  out.append(bytes);
  for (const at of calls) out.patchPaddedU32(at, numbers[out.paddedU32At(at)]!);
  return { bytes: out, hints, calls };
}
