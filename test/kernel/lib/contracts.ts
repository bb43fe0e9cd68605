/**
 * What Linux promises programs: each contract of test/guest (contract.h) prints the same in a guest as natively. A
 * contract is a test for each engine; the programs run once for each. They make the system calls that
 * docs/SYSCALLS.md says they make.
 */

import { spawnSync } from 'node:child_process';
import type { Engine } from '../../../src/machine/cpu.ts';
import { once } from '../../lib/once.ts';
import { assert, type Test } from '../../lib/suite.ts';
import {
  CONTRACT_CC,
  type ContractProgram,
  compileContracts,
  contractPrograms,
  PROGRAM_TIMEOUT_MS,
  runContracts,
  type Sections,
  sectionsOf,
} from './contract-programs.ts';
import { haveCompiler } from './run-guest.ts';
import { recordedCalls } from './syscall-record.ts';

/**
 * A busy host can make a program race with itself natively: a guest that differs from one native run is compared with
 * further ones: Linux may do either.
 */
const NATIVE_RUNS = 3;

/** For the suite: a test may run a program natively and in a guest. */
export const CONTRACT_TIMEOUT_MS: number = PROGRAM_TIMEOUT_MS + 30_000;

function natively(program: ContractProgram): Sections {
  const r = spawnSync(compileContracts(program), {
    encoding: 'latin1',
    env: { PATH: '/bin' },
    timeout: PROGRAM_TIMEOUT_MS,
  });
  if (r.status !== 0) throw new Error(`natively: status ${r.status}: ${r.stderr}`);
  return sectionsOf(r.stdout);
}

function sectionOf(sections: Sections, name: string): string {
  const section = sections.get(name);
  assert.ok(section !== undefined, 'natively it did not run');
  assert.is.not(section, '-> signal 14\n', 'natively it takes too long');
  return section;
}

function addProgram(test: Test, engines: readonly Engine[], program: ContractProgram): void {
  const { family, text } = program;
  const names = [...text.matchAll(/^CONTRACT(?:_AS_ROOT)?\((\w+)\)/gm)];
  const native = Array.from({ length: NATIVE_RUNS }, () => once(() => natively(program)));
  for (const engine of engines) {
    const guest = once(() => runContracts(program, engine));
    for (const [declared, name = ''] of names) {
      const title = `${family}: ${name}, ${engine}`;
      if (declared.startsWith('CONTRACT_AS_ROOT') && process.getuid?.() !== 0) {
        test.skip(title, 'the native run must be root’s');
        continue;
      }
      test(title, () => {
        const got = guest().sections.get(name);
        const agrees = native.some((run) => sectionOf(run(), name) === got);
        if (!agrees) assert.is(got, sectionOf(native[0]!(), name));
      });
    }
    test(`${program.name}: makes its system calls, ${engine}`, () => {
      const recorded = recordedCalls()[program.name];
      assert.ok(recorded !== undefined, 'not recorded yet: npm run golden:update');
      const { calls } = guest();
      assert.equal(
        recorded.filter((name) => !calls.has(name)),
        [],
        'recorded, but not made: npm run golden:update',
      );
    });
  }
}

/** Adds the contracts of all families. */
export function addContracts(test: Test, engines: readonly Engine[]): void {
  if (haveCompiler(CONTRACT_CC)) {
    for (const program of contractPrograms()) addProgram(test, engines, program);
  } else test.skip('all contracts', `${CONTRACT_CC} is not installed`);
}
