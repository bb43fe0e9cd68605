/**
 * Bundles src/ into dist/: the library for Node and for browsers (ES modules that share a chunk), and the command:
 * one file that the launcher starts with V8's code cache (src/cli/launch.ts). Declarations are the compiler's.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
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

/** Bundles a module and evaluates it. */
async function evaluate(entry) {
  const { outputFiles } = await build({
    ...SHARED,
    sourcemap: false,
    entryPoints: [entry],
    format: 'esm',
    write: false,
  });
  return import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
  );
}

/** Replaces ir/interp-factory.ts by the interpreter that it would generate. */
const interpreter = {
  name: 'interpreter',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]ir[\\/]interp-factory\.ts$/ }, async ({ path }) => {
      const { INTERP_PARAMS, interpreterSource } = await evaluate(
        join(dirname(path), 'interp-source.ts'),
      );
      const factory = `function factory(${INTERP_PARAMS.join(',')}){${interpreterSource()}}`;
      return {
        contents: `${factory}\nexport const interpFactory = () => factory;\n`,
        loader: 'js',
      };
    });
  },
};

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

async function bundleCommand(src, out) {
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
    plugins: [interpreter, ownPlace(src)],
    banner: { js: '(function (require, module, dist) {' },
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
  await build({
    ...NODE,
    entryPoints: library,
    outdir: out,
    outbase: src,
    format: 'esm',
    splitting: true,
    chunkNames: 'shared-[hash]',
    plugins: [interpreter],
  });
  await bundleCommand(src, out);
}
