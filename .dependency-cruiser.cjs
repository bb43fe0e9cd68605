/**
 * The layers, enforced by `npm run deps`. Imports of types count like any other.
 *
 *   common → nothing          ir, mmu → common            frontend-x86 → ir, common
 *   backend-* → ir, common, mmu/layout                    kernel → mmu, common
 *   machine → all but host and cli                        cli → all
 *   host → machine, common, the kernel's ports and what it needs to implement them
 *
 * Platform APIs (Node's modules) stay in host and cli, and so do npm packages but those named in PACKAGES.
 */
const LAYERS = [
  'common',
  'ir',
  'mmu',
  'frontend-x86',
  'backend-js',
  'backend-wasm',
  'kernel',
  'machine',
  'host',
  'cli',
];

/** What each layer may import besides itself, as patterns of paths. */
const MAY_IMPORT = {
  common: [],
  ir: ['^src/common/'],
  mmu: ['^src/common/'],
  'frontend-x86': ['^src/ir/', '^src/common/'],
  'backend-js': ['^src/ir/', '^src/common/', '^src/mmu/layout'],
  'backend-wasm': ['^src/ir/', '^src/common/', '^src/mmu/layout'],
  kernel: ['^src/mmu/', '^src/common/'],
  machine: ['^src/(?!host/|cli/)'],
  host: ['^src/machine/', '^src/common/', '^src/kernel/'],
  cli: ['^src/'],
};

/** npm packages that platform-free layers may import; they run in browsers too. */
const PACKAGES = {
  'backend-js': ['acorn', 'astring', 'source-map'],
  machine: ['source-map'],
};

const layerRules = LAYERS.map((layer) => ({
  name: `layer-${layer}`,
  comment: `src/${layer} may import only ${MAY_IMPORT[layer].join(', ') || 'itself'}`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: '^src/', pathNot: [`^src/${layer}/`, ...MAY_IMPORT[layer]] },
}));

const platformFree = LAYERS.filter((layer) => layer !== 'host' && layer !== 'cli');
const packageRules = platformFree.map((layer) => ({
  name: `packages-${layer}`,
  comment: `src/${layer} may import only these npm packages: ${PACKAGES[layer] ?? 'none'}`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: {
    dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'],
    pathNot: (PACKAGES[layer] ?? []).map((name) => `node_modules/${name}/`),
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layerRules,
    ...packageRules,
    {
      name: 'no-platform-in-core',
      comment: "Node's modules only in src/host/node and src/cli",
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(host/node|cli)/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'known-layers-only',
      comment: 'every file below src/ belongs to a layer',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(${LAYERS.join('|')})/` },
      to: {},
    },
    {
      name: 'no-tests-in-product',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts)/' },
    },
    {
      name: 'no-undeclared-packages',
      comment: 'the product imports only what package.json lists under dependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-cycles',
      comment: 'cycles of types alone are harmless',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: `${__dirname}/tsconfig.json` },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
