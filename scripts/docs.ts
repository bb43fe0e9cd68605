/**
 * Renews the generated pages of docs/: `npm run docs`. With --check nothing is written; the exit status
 * is 1 if a page is out of date.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { instructionsDoc } from './gen-instructions-doc.ts';
import { syscallsDoc } from './gen-syscalls-doc.ts';

const PAGES: Readonly<Record<string, () => string>> = {
  'docs/INSTRUCTIONS.md': instructionsDoc,
  'docs/SYSCALLS.md': syscallsDoc,
};

const check = process.argv.includes('--check');

for (const [name, generate] of Object.entries(PAGES)) {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url));
  const text = generate();
  if (!check) writeFileSync(path, text);
  else if (readFileSync(path, 'utf8') !== text) {
    console.error(`${name} is out of date: run npm run docs`);
    process.exitCode = 1;
  }
}
