/**
 * The core's compilation (tsconfig.core.json) rejects platform APIs: each global is one line of a file
 * compiled with the core's options, and must be unknown there, or known.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, suite } from './suite.ts';

const test = suite('core types', { timeout: 120_000 });
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const FORBIDDEN = [
  'process',
  'Buffer',
  'setTimeout',
  'setImmediate',
  'queueMicrotask',
  'performance',
  'console',
  'document',
  'window',
  'fetch',
  'URL',
  'crypto',
];
const PERMITTED = [
  'WebAssembly.Memory',
  'TextEncoder',
  'TextDecoder',
  'Atomics',
  'BigInt',
  'Function',
];

/** Compiles one line per name; returns the names the compiler does not know. */
function unknownNames(names: readonly string[]): string[] {
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.cache', 'core-'));
  try {
    const lines = names.map((name, index) => `export const v${index}: unknown = ${name};`);
    writeFileSync(join(folder, 'uses.ts'), lines.join('\n'));
    const options = {
      extends: '../../tsconfig.core.json',
      include: ['*.ts', '../../src/common/*.d.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options));
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const errors = [
      ...stdout.matchAll(/uses\.ts\((\d+),\d+\): error TS(?:2304|2584|2580|2552|2591)/g),
    ];
    assert.is(stdout.trim().split('\n').filter(Boolean).length, errors.length, stdout);
    return errors.map((match) => names[Number(match[1]) - 1] ?? '');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('what is permitted is known, and nothing of Node or the DOM is', () => {
  assert.equal(unknownNames([...PERMITTED, ...FORBIDDEN]), FORBIDDEN);
});
