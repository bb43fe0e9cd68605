/**
 * Bundles src/ into dist/: the library for Node and for browsers (ES modules that share a chunk), and the command:
 * one file that the launcher starts with V8's code cache (src/cli/launch.ts). Declarations are the compiler's.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';

const SHARED = {
  bundle: true,
  target: 'es2022',
  logLevel: 'warning',
  sourcemap: true,
  sourcesContent: false,
};
/** Packages that only some commands need are loaded when they do. */
const NODE = { ...SHARED, platform: 'node', packages: 'external' };

const GENERATED = /[\\/]common[\\/]generated\.ts$/;

/** Stands in for common/generated.ts: notes what is asked for. */
const RECORDER = `
export const texts = new Map();
export function generated(key, params, text) {
  const body = text();
  texts.set(key, 'function (' + params.join(', ') + ') { ' + body + ' }');
  return new Function(...params, body);
}`;

/** Asks for every function that the start of a machine may ask for. */
const ASK = `
import { texts } from './common/generated.ts';
import { interpreterKey, interpreterText } from './backend-wasm/interpreter.ts';
import { X86_STATE } from './frontend-x86/state.ts';
import { DISPATCH } from './machine/region-table.ts';
import { INTERP_PARAMS, interpreterSource } from './ir/interp-source.ts';
import './ir/slot-ops.ts';
import { prepareEvaluators } from './ir/passes/eval.ts';
import { generated } from './common/generated.ts';
generated('interpreter', INTERP_PARAMS, interpreterSource);
generated(interpreterKey(X86_STATE, DISPATCH), [], () => interpreterText(X86_STATE, DISPATCH));
prepareEvaluators();
export default texts;`;

function replaceGenerated(contents) {
  return {
    name: 'generated',
    setup({ onLoad }) {
      onLoad({ filter: GENERATED }, () => ({ contents, loader: 'js' }));
    },
  };
}

/** A plugin that replaces common/generated.ts by the functions that it would generate. */
async function withGenerated(src) {
  if (!existsSync(join(src, 'common/generated.ts'))) return [];
  const { outputFiles } = await build({
    ...SHARED,
    sourcemap: false,
    stdin: { contents: ASK, resolveDir: src },
    format: 'esm',
    write: false,
    plugins: [replaceGenerated(RECORDER)],
  });
  const code = Buffer.from(outputFiles[0].contents).toString('base64');
  const { default: texts } = await import(`data:text/javascript;base64,${code}`);
  const members = [...texts].map(([key, text]) => `${JSON.stringify(key)}: ${text}`);
  return [
    replaceGenerated(`
const FACTORIES = { ${members.join(',\n')} };
export function generated(key, params, text) {
  return FACTORIES[key] ?? new Function(...params, text());
}`),
  ];
}

/** In the command's bundle, modules find files of the package as if they were at their own place in dist/. */
function ownPlace(src) {
  return {
    name: 'own-place',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const text = readFileSync(path, 'utf8');
        if (!text.includes('import.meta.')) return undefined;
        const place = JSON.stringify(
          relative(src, path).replaceAll('\\', '/').replace(/\.ts$/, '.js'),
        );
        const contents = text
          .replaceAll('import.meta.url', `new URL(${place}, dist).href`)
          .replaceAll('import.meta.resolve', 'require.resolve');
        return { contents, loader: 'ts' };
      });
    },
  };
}

/** Parts of Node that take milliseconds to load, and that most runs do without. */
const LAZY = /^node:(child_process|crypto|inspector|zlib)$/;

/** Loads them when something in them is used. */
const lazyParts = {
  name: 'lazy-parts',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: LAZY }, ({ path, namespace }) =>
      namespace === 'lazy' ? { external: true } : { path, namespace: 'lazy' },
    );
    onLoad({ filter: LAZY, namespace: 'lazy' }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter((name) => name !== 'default');
      const members = names.map((name) => `get ${name}() { return part().${name}; }`);
      return {
        contents: `const part = () => require('${path}');\nmodule.exports = { ${members.join(', ')} };`,
      };
    });
  },
};

async function bundleCommand(src, out, plugins) {
  const folder = join(out, 'cli');
  const file = join(folder, 'bundle.cjs');
  // A function expression, with what the launcher passes; imports are calls of require, so nothing else is needed.
  await build({
    ...NODE,
    entryPoints: [join(src, 'cli/main.ts')],
    outfile: file,
    format: 'cjs',
    packages: 'bundle',
    external: ['iced-x86', 'source-map', 'tsx'],
    supported: { 'dynamic-import': false },
    plugins: [...plugins, ownPlace(src), lazyParts],
    // A third less to read. Names and line numbers stay, for stack traces.
    minifyWhitespace: true,
    lineLimit: 100,
    banner: { js: '(function (require, module, dist, build) {' },
    define: { BUILD: 'build' },
    footer: { js: '})' },
  });
  const text = readFileSync(file, 'latin1').replace('#!/usr/bin/env node', '');
  writeFileSync(file, text, 'latin1');
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  await build({
    ...NODE,
    entryPoints: [join(src, 'cli/launch.ts')],
    outfile: join(folder, 'main.js'),
    format: 'cjs',
    define: { BUILD: JSON.stringify(digest) },
    banner: { js: '#!/usr/bin/env node' },
  });
  // CommonJS starts some 8 ms earlier than an ES module.
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n');
}

/** Bundles the tree `src` to the folder `out`. */
export async function bundle(src, out) {
  const library = ['host/node/index.ts', 'host/browser/index.ts']
    .map((name) => join(src, name))
    .filter((path) => existsSync(path));
  mkdirSync(out, { recursive: true });
  const plugins = await withGenerated(src);
  await build({
    ...NODE,
    entryPoints: library,
    outdir: out,
    outbase: src,
    format: 'esm',
    splitting: true,
    chunkNames: 'shared-[hash]',
    plugins,
  });
  await bundleCommand(src, out, plugins);
}
