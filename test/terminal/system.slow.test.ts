/**
 * A whole Alpine with OpenRC under `kevlar-jit run --init`, on a terminal: it is bootstrapped by apk in a guest,
 * boots to a login, runs its services, and powers off.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, suite } from '../lib/suite.ts';
import { quote } from '../programs/lib/native.ts';
import { ALPINE_TAR, APKS, noAlpine } from '../programs/lib/scripts.ts';
import { COMMAND } from './lib/sessions.ts';
import { noTmux, Terminal } from './lib/tmux.ts';

const BOOT_MS = 240_000;
const PROMPT = 'alpine:~#';
const test = suite('system', { timeout: 900_000 });

/** What setup-alpine gives a machine on a disk, as far as there are packages for it. */
const RUNLEVELS = {
  sysinit: ['devfs', 'dmesg', 'mdev', 'hwdrivers', 'cgroups'],
  boot: `hwclock modules sysctl hostname bootmisc syslog klogd networking seedrng swap`.split(' '),
  default: ['crond'],
  shutdown: ['killprocs', 'savecache', 'mount-ro'],
} as const;

const LINKS = Object.entries(RUNLEVELS)
  .flatMap(([level, names]) => names.map((n) => `ln -s /etc/init.d/${n} etc/runlevels/${level}/`))
  .join('\n');

const BOOTSTRAP = `
set -e
apk --root /new --initdb --no-network --repositories-file /dev/null --repository /apks \
    --keys-dir /etc/apk/keys add alpine-base
cd /new
${LINKS}
echo alpine >etc/hostname
mkdir -p etc/network lib/modules/$(uname -r)
: >lib/modules/$(uname -r)/modules.dep
printf 'auto lo\\niface lo inet loopback\\n' >etc/network/interfaces
tar cf /out/alpine.tar .
`;

function bootstrap(folder: string): string {
  const shell = `exec ${COMMAND} run --root ${quote(ALPINE_TAR)} -v ${quote(APKS)}:/apks:ro -v ${quote(folder)}:/out -- sh -c ${quote(BOOTSTRAP)}`;
  const r = spawnSync('sh', ['-c', shell], { encoding: 'utf8' });
  assert.is(r.status, 0, `${r.stdout}${r.stderr}`);
  return join(folder, 'alpine.tar');
}

/** Runs a command in the guest's shell. @returns its output's lines */
async function output(t: Terminal, command: string): Promise<string[]> {
  await t.clear(PROMPT);
  t.line(command);
  const lines = await t.until((l) => l.length > 1 && l.at(-1) === PROMPT);
  return lines.slice(1, -1);
}

async function session(root: string, stderr: string): Promise<void> {
  const run = `${COMMAND} run --root ${quote(root)} --init 2>${quote(stderr)}`;
  const t = new Terminal(`${run}; echo status $?; exec sleep 1000`, { columns: 90, rows: 70 });
  try {
    await t.until('alpine login:', BOOT_MS);
    assert.not.match(t.text(), /!!/, `a service failed:\n${t.text()}`);
    t.line('root');
    await t.until((lines) => lines.at(-1) === PROMPT);
    await look(t);
    t.line('poweroff');
    const end = await t.until(/^status \d+$/m, BOOT_MS);
    assert.match(end.join('\n'), /reboot: Power down\nstatus 0$/);
    assert.not.match(end.join('\n'), /!!/, `a service failed to stop:\n${end.join('\n')}`);
    assert.is(readFileSync(stderr, 'utf8'), '');
  } finally {
    t.close();
  }
}

async function look(t: Terminal): Promise<void> {
  assert.equal(await output(t, 'tty; id -un; hostname; rc-status -r'), [
    '/dev/tty1',
    'root',
    'alpine',
    'default',
  ]);
  const status = (await output(t, 'rc-status -a')).join('\n');
  for (const name of [...RUNLEVELS.sysinit, ...RUNLEVELS.boot, ...RUNLEVELS.default]) {
    assert.match(status, new RegExp(`^ ${name} .*\\[ +started +\\]$`, 'm'));
  }
  assert.not.match(status, /crashed|failed/);
  const ps = (await output(t, 'ps -o pid,args')).join('\n');
  assert.match(ps, /^ +1 \/sbin\/init$/m);
  for (const daemon of ['syslogd', 'klogd', 'crond', 'getty 38400 tty2', 'getty 38400 tty6']) {
    assert.match(ps, new RegExp(`/${daemon}`));
  }
  assert.match((await output(t, 'dmesg | head -n 1')).join(), /Linux version/);
  assert.equal(await output(t, 'grep -c "kern.notice kernel: .*Linux version" /var/log/messages'), [
    '1',
  ]);
  assert.equal(await output(t, 'kill -9 1; kill -STOP 1; kill -HUP 1 && echo alive'), ['alive']);
  assert.equal(await output(t, `(sleep 50 &); ps -o ppid,comm | grep sleep; killall sleep`), [
    '    1 sleep',
  ]);
  assert.match(
    (await output(t, 'ifconfig lo')).join(),
    /inet addr:127.0.0.1 .*UP LOOPBACK RUNNING/,
  );
  assert.match((await output(t, 'ip addr show dev lo')).join(), /inet 127.0.0.1\/8 scope host lo/);
  assert.match(
    (await output(t, 'cat /proc/self/cgroup; mount | grep cgroup')).join(),
    /type cgroup2/,
  );
  await t.clear(PROMPT);
  t.line(`sh -c 'echo go; exec sleep 100'`);
  await t.until('\ngo');
  t.press('C-c');
  await t.until((lines) => lines.at(-1) === PROMPT);
}

async function bootAlpine(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kevlar-system-'));
  try {
    await session(bootstrap(folder), join(folder, 'stderr'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const missing = noTmux() ?? noAlpine() ?? (existsSync(APKS) ? null : `${APKS} is not there`);
if (missing !== null) test.skip('Alpine with OpenRC', missing);
else test('Alpine with OpenRC', bootAlpine);
