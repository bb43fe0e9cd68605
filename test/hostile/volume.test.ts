/** A running guest that tries to leave a host volume: every name resolves in its own view. */

import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../diff/random.ts';
import { haveCompiler, readBinary } from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';
import { compileHostile } from './lib/compile.ts';
import { mountVolume } from './lib/mounts.ts';
import { Rig } from './lib/rig.ts';

const test = suite('hostile guests and volumes', { timeout: 280_000 });

function withFolders(work: (top: string, shared: string) => void): void {
  const top = fs.mkdtempSync(join(tmpdir(), 'kevlar-escape-'));
  const shared = join(top, 'shared');
  try {
    fs.mkdirSync(join(shared, 'inner'), { recursive: true });
    fs.writeFileSync(join(top, 'secret'), 'SECRET OF THE HOST');
    fs.symlinkSync(join(top, 'secret'), join(shared, 'hostlink'));
    fs.symlinkSync(top, join(shared, 'hostdir'));
    work(top, shared);
  } finally {
    fs.rmSync(top, { recursive: true });
  }
}

function tryToEscape(top: string, shared: string, readOnly: boolean): string {
  const rig = new Rig({ rng: new Random(1), memory: 32 });
  rig.put('/bin/escape', readBinary(compileHostile('escape')));
  rig.put('/etc/passwd', "the guest's own", 0o644);
  mountVolume(rig, shared, readOnly);
  const result = rig.start(['/bin/escape', join(top, 'secret')]);
  assert.ok(rig.run(50_000_000), rig.out.text);
  assert.is(result.status, 0, rig.out.text);
  rig.audit();
  return rig.out.text;
}

if (!haveCompiler('musl-gcc')) test.skip('all cases', 'musl-gcc is not installed');
else {
  test('no link, dot or rename leads out of a volume', () => {
    withFolders((top, shared) => {
      const out = tryToEscape(top, shared, false);
      assert.not.match(out, 'SECRET');
      assert.not.match(out, 'escaped');
      assert.match(out, "absolute link: the guest's own\n");
      assert.match(out, "far link: the guest's own\n");
      assert.match(out, 'link to the host: errno 2\n');
      assert.match(out, "host's link: errno 2\n");
      assert.match(out, 'mknod 1\n');
      assert.equal(fs.readdirSync(top).sort(), ['secret', 'shared']);
      assert.is(fs.readlinkSync(join(shared, 'up')), '../secret', 'links are kept as they are');
    });
  });

  test('a read-only volume stays as it is', () => {
    withFolders((top, shared) => {
      const before = fs.readdirSync(shared).sort();
      const out = tryToEscape(top, shared, true);
      assert.not.match(out, 'SECRET');
      assert.equal(fs.readdirSync(shared).sort(), before);
      assert.equal(fs.readdirSync(top).sort(), ['secret', 'shared']);
    });
  });
}
