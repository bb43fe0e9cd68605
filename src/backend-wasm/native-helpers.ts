/**
 * Helpers that are WebAssembly functions as well: those do what is usual, and call the helper of the same name, having
 * changed nothing, for everything else. So where they act they must equal it bit by bit.
 */

import type { FlagsLayout } from '../common/condition-codes.ts';
import type { DivisionLayout } from '../common/division.ts';
import type { StringLayout } from '../common/strings.ts';
import type { X87Layout } from '../common/x87.ts';
import { DIVISION_EMITTERS } from './division-functions.ts';
import { FLAGS_EMITTERS } from './flags-functions.ts';
import type { Code, FunctionBody } from './function-body.ts';
import { HelperCode } from './helper-code.ts';
import { HELPER_PARAMS, MMU_CALLS, MMU_PARAMS, type MmuCall } from './imports.ts';
import { encodeModule } from './module.ts';
import { STRING_EMITTERS } from './string-functions.ts';
import { X87Code } from './x87-code.ts';
import { X87_EMITTERS } from './x87-functions.ts';
import type { MmuStores } from './x87-store.ts';

export interface HelperLayouts {
  readonly flags: FlagsLayout;
  readonly x87: X87Layout;
  readonly division: DivisionLayout;
  readonly strings: StringLayout;
}

const STORES: readonly MmuCall[] = ['write16', 'write32', 'write64', 'writeBytes'];
const [write16, write32, write64, writeBytes] = [0, 1, 2, 3] as const;
const MMU_STORES: MmuStores = { write16, write32, write64, writeBytes };

interface Group {
  readonly names: readonly string[];
  readonly emit: (name: string, layouts: HelperLayouts, helper: number) => FunctionBody;
}

/** Helpers that begin with nothing but their operands and the variables at `at`. */
function group<At>(
  emitters: Readonly<Record<string, (x: HelperCode, at: At) => void>>,
  at: (layouts: HelperLayouts) => At,
): Group {
  return {
    names: Object.keys(emitters),
    emit: (name, layouts, helper) => {
      const code = new HelperCode();
      emitters[name]!(code, at(layouts));
      code.done();
      return code.end(helper);
    },
  };
}

/** Each is a module of its own: few programs need x87 instructions. */
const GROUPS: readonly Group[] = [
  group(FLAGS_EMITTERS, ({ flags }) => flags),
  group(DIVISION_EMITTERS, ({ division }) => division),
  group(STRING_EMITTERS, ({ strings }) => strings),
  {
    names: Object.keys(X87_EMITTERS),
    emit: (name, { x87 }, helper) => {
      const code = new X87Code(x87);
      X87_EMITTERS[name]!(code, MMU_STORES);
      code.done();
      return code.end(helper);
    },
  },
];

type Value = WebAssembly.ExportValue;

/** What they call. */
export interface NativeCallees {
  /** By position in MMU_CALLS. */
  readonly mmu: () => readonly Value[];
  /** The helpers of these names, for what is not usual. */
  readonly helpers: (names: readonly string[]) => readonly Value[];
}

/** The functions of a machine, made when the first of their group is asked for. */
export class NativeHelpers {
  private readonly memory: WebAssembly.Memory;
  private readonly layouts: HelperLayouts;
  private readonly callees: NativeCallees;
  private readonly made: Map<string, Value> = new Map();

  constructor(memory: WebAssembly.Memory, layouts: HelperLayouts, callees: NativeCallees) {
    this.memory = memory;
    this.layouts = layouts;
    this.callees = callees;
  }

  /** @returns null if there is only the helper */
  find(name: string): Value | null {
    const group = this.made.has(name)
      ? undefined
      : GROUPS.find(({ names }) => names.includes(name));
    if (group !== undefined) this.make(group);
    return this.made.get(name) ?? null;
  }

  private make({ names, emit }: Group): void {
    const m: Record<string, WebAssembly.ImportValue> = { mem: this.memory };
    const mmu = this.callees.mmu();
    STORES.forEach((name, i) => {
      m[i] = mmu[MMU_CALLS.indexOf(name)]!;
    });
    const helpers = this.callees.helpers(names);
    const bodies = names.map((name, i): Code => {
      const helper = STORES.length + i;
      m[helper] = helpers[i]!;
      return emit(name, this.layouts, helper).encode();
    });
    const own = names.map(() => HELPER_PARAMS);
    const imports = [...STORES.map((name) => MMU_PARAMS[name]), ...own];
    const bytes = encodeModule(
      bodies,
      imports.map((params) => ({ params })),
      names,
      own,
    ) as Uint8Array<ArrayBuffer>;
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { m });
    names.forEach((name, i) => {
      this.made.set(name, exports[i]!);
    });
  }
}
