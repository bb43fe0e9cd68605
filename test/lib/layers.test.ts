/**
 * The layer rules bite: each row is one import, and the rule of .dependency-cruiser.cjs that must reject
 * it (none: allowed). Importing a type counts, except in cycles. The rows become a source tree of their
 * own, checked in one run of dependency-cruiser.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, suite } from './suite.ts';

const test = suite('layer rules', { timeout: 120_000 });
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

type Row = readonly [from: string, imported: string, rules: readonly string[]];

const ROWS: readonly Row[] = [
  ['ir/a', 'common/leaf', []],
  ['mmu/a', 'common/leaf', []],
  ['frontend-x86/a', 'ir/leaf', []],
  ['backend-js/a', 'mmu/layout', []],
  ['backend-js/b', 'astring', []],
  ['kernel/a', 'mmu/leaf', []],
  ['machine/a', 'kernel/leaf', []],
  ['machine/b', 'frontend-x86/leaf', []],
  ['host/node/a', 'machine/leaf', []],
  ['host/node/b', 'node:fs', []],
  ['cli/a', 'host/leaf', []],
  ['cli/b', 'commander', []],

  ['common/b', 'ir/leaf', ['layer-common']],
  ['ir/b', 'frontend-x86/leaf', ['layer-ir']],
  ['ir/c', 'mmu/leaf', ['layer-ir']],
  ['mmu/b', 'kernel/leaf', ['layer-mmu']],
  ['frontend-x86/b', 'mmu/leaf', ['layer-frontend-x86']],
  ['backend-js/c', 'frontend-x86/leaf', ['layer-backend-js']],
  ['backend-js/d', 'mmu/leaf', ['layer-backend-js']],
  ['backend-wasm/a', 'backend-js/leaf', ['layer-backend-wasm']],
  ['kernel/b', 'machine/leaf', ['layer-kernel']],
  ['machine/c', 'host/leaf', ['layer-machine']],
  ['machine/d', 'cli/leaf', ['layer-machine']],
  ['host/node/c', 'frontend-x86/leaf', ['layer-host']],
  ['host/node/d', 'cli/leaf', ['layer-host']],
  ['kernel/c', 'node:fs', ['no-platform-in-core']],
  ['host/browser/a', 'node:fs', ['no-platform-in-core']],
  ['kernel/d', 'astring', ['packages-kernel']],
  ['machine/e', 'commander', ['packages-machine']],
  ['cli/c', 'uvu', ['no-undeclared-packages']],
  ['common/c', 'type ir/leaf', ['layer-common']],
  ['stray/a', 'common/leaf', ['known-layers-only']],
  ['ir/d', 'ir/e', ['no-cycles']],
  ['ir/e', 'ir/d', []], // a cycle is reported once, at ir/d
  ['ir/f', 'type ir/g', []],
  ['ir/g', 'type ir/f', []],
];

interface CruiseResult {
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly rule: { readonly name: string };
    }[];
  };
}

const LEAF = 'export const value: number = 1;\nexport type T = number;\n';

/** The file a row imports; a package has no slash. */
function importedFile(imported: string): string | undefined {
  return imported.includes('/') ? imported.replace('type ', '') : undefined;
}

function importLine(from: string, imported: string): string {
  const file = importedFile(imported);
  if (file === undefined) return `import '${imported}';\n`;
  const up = '../'.repeat(from.split('/').length - 1);
  if (imported.startsWith('type ')) return `export type { T } from '${up}${file}.ts';\n`;
  return `export { value } from '${up}${file}.ts';\n`;
}

function violationsOf(rows: readonly Row[]): Map<string, string[]> {
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.cache', 'layers-'));
  const write = (name: string, text: string): void => {
    const path = join(folder, 'src', `${name}.ts`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  try {
    copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
    for (const [, imported] of rows) {
      const file = importedFile(imported);
      if (file !== undefined) write(file, LEAF);
    }
    for (const [from, imported] of rows) write(from, importLine(from, imported));
    const { stdout, stderr } = spawnSync(
      join(ROOT, 'node_modules', '.bin', 'depcruise'),
      ['--config', join(ROOT, '.dependency-cruiser.cjs'), '--output-type', 'json', 'src'],
      { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 },
    );
    if (stdout === '') throw new Error(`dependency-cruiser said: ${stderr}`);
    return groupByFile((JSON.parse(stdout) as CruiseResult).summary.violations);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function groupByFile(violations: CruiseResult['summary']['violations']): Map<string, string[]> {
  const byFile = new Map<string, string[]>();
  for (const { from, rule } of violations) {
    const name = from.replace(/^src\//, '').replace(/\.ts$/, '');
    byFile.set(name, [...(byFile.get(name) ?? []), rule.name]);
  }
  return byFile;
}

const violations = violationsOf(ROWS);

for (const [from, imported, rules] of ROWS) {
  const verb = rules.length === 0 ? 'allow' : 'forbid';
  test(`${verb} ${from} → ${imported}`, () => {
    assert.equal(violations.get(from) ?? [], rules);
  });
}
