/** The engines: what runs a program above the interpreter, if anything, and how it is checked. */

/** What compiles regions. */
export type RegionBackend = 'js' | 'wasm';

export interface EngineRow {
  /** What hot code is compiled by; null: nothing. */
  readonly backend: RegionBackend | null;
  /** Executions of a block after which a region is compiled there; measured by bench/. */
  readonly hot: number;
  /** The same once the program has run for some time; not more. */
  readonly settledHot: number;
  /** What executes blocks that are not hot: the JavaScript or the WebAssembly function. */
  readonly interpreter: RegionBackend;
  /** Every run of a region is compared with the interpreter. */
  readonly lockstep: boolean;
  /** Regions of WebAssembly are kept for later runs, and those of earlier ones taken. */
  readonly keeps: boolean;
}

/**
 * With lockstep's thresholds, even of the million instructions of a shell that does nearly nothing 85 % are compared.
 */
export const ENGINES = {
  /** What is fastest. */
  auto: {
    backend: 'wasm',
    interpreter: 'wasm',
    hot: 20_000,
    settledHot: 8000,
    lockstep: false,
    keeps: true,
  },
  interp: {
    backend: null,
    interpreter: 'js',
    hot: 0,
    settledHot: 0,
    lockstep: false,
    keeps: false,
  },
  'interp-wasm': {
    backend: null,
    interpreter: 'wasm',
    hot: 0,
    settledHot: 0,
    lockstep: false,
    keeps: false,
  },
  js: {
    backend: 'js',
    interpreter: 'js',
    hot: 20_000,
    settledHot: 2000,
    lockstep: false,
    keeps: false,
  },
  wasm: {
    backend: 'wasm',
    interpreter: 'wasm',
    hot: 20_000,
    settledHot: 8000,
    lockstep: false,
    keeps: false,
  },
  lockstep: {
    backend: 'js',
    interpreter: 'js',
    hot: 20,
    settledHot: 20,
    lockstep: true,
    keeps: false,
  },
  'lockstep-wasm': {
    backend: 'wasm',
    interpreter: 'js',
    hot: 20,
    settledHot: 20,
    lockstep: true,
    keeps: false,
  },
} as const satisfies Record<string, EngineRow>;

export type Engine = keyof typeof ENGINES;

export const ENGINE_NAMES: readonly Engine[] = Object.keys(ENGINES) as Engine[];
