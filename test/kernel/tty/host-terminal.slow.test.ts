/** Every way in which a guest or kevlar-jit ends: the host's terminal is as it was. */

import { suite } from '../../lib/suite.ts';
import { terminalTest } from './host-terminal.ts';

const test = suite('host terminal, all ends', { timeout: 120_000 });
const RAW = 'stty raw -echo; echo ready;';
const SIGNALS = { HUP: 1, INT: 2, QUIT: 3, ILL: 4, ABRT: 6, KILL: 9, SEGV: 11, TERM: 15 } as const;
const READY = [
  ['expect', 'ready'],
  ['settings', 'raw'],
] as const;

terminalTest(test, 'a guest that exits in raw mode', {
  argv: ['--', 'sh', '-c', `${RAW} exit 3`],
  steps: [['expect', 'ready']],
  code: 3,
});

for (const name of ['ILL', 'ABRT', 'KILL', 'SEGV'] as const) {
  terminalTest(test, `a guest that ends by SIG${name}`, {
    argv: ['--', 'sh', '-c', `${RAW} kill -${name} $$`],
    steps: [['expect', 'ready']],
    code: 128 + SIGNALS[name],
  });
}

for (const name of ['HUP', 'INT', 'QUIT', 'TERM'] as const) {
  terminalTest(test, `SIG${name} from outside`, {
    argv: ['--', 'sh', '-c', `${RAW} exec sleep 99`],
    steps: [...READY, ['signal', SIGNALS[name]]],
    code: 128 + SIGNALS[name],
  });
}

terminalTest(test, 'SIGTERM from outside to a system, and poweroff', {
  argv: ['--init', '--', 'sh', '-c', `trap 'poweroff -f' INT; ${RAW} while :; do sleep 1; done`],
  steps: [...READY, ['pause', 1], ['signal', SIGNALS.TERM], ['expect', 'reboot: ']],
  code: 0,
});

terminalTest(test, 'a system whose init ends', {
  argv: ['--init', '--', 'sh', '-c', `${RAW} exit 3`],
  steps: [
    ['expect', 'ready'],
    ['expect', 'kernel panic'],
  ],
  code: 125,
});
