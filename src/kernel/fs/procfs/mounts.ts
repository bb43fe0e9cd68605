/** /proc/PID/mounts and mountinfo (proc_pid_mountinfo(5), fs/proc_namespace.c). */

import { major, minor } from '../../vfs/constants.ts';
import type { FsContext } from '../../vfs/fs-context.ts';
import { isReadOnly, type Mount } from '../../vfs/mount.ts';
import { VfsPath } from '../../vfs/path.ts';
import type { Vfs } from '../../vfs/vfs.ts';

/** Space, tab, newline and backslash as octal escapes. */
function escapeName(text: string): string {
  return text.replace(/[ \t\n\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** Where a mount is, as seen from the root directory; null if it is not visible from there. */
function placeOf(mount: Mount, fs: FsContext): string | null {
  return new VfsPath(mount, mount.root).relativeTo(fs.root);
}

function superOptions(mount: Mount): string {
  const own = mount.fs.options ?? '';
  return own === '' ? '' : `,${own}`;
}

export function mountsText(vfs: Vfs, fs: FsContext): string {
  let text = '';
  for (const m of vfs.mounts) {
    const place = placeOf(m, fs);
    if (place === null) continue;
    const options = m.options() + superOptions(m);
    text += `${escapeName(m.source)} ${escapeName(place)} ${m.fs.type} ${options} 0 0\n`;
  }
  return text;
}

export function mountinfoText(vfs: Vfs, fs: FsContext): string {
  let text = '';
  for (const m of vfs.mounts) {
    const place = placeOf(m, fs);
    if (place === null) continue;
    const dev = `${major(m.fs.dev)}:${minor(m.fs.dev)}`;
    const superFlags = `${isReadOnly(m.fs) ? 'ro' : 'rw'}${superOptions(m)}`;
    text +=
      `${m.id} ${m.parent?.id ?? 1} ${dev} ${escapeName(rootOf(m))} ${escapeName(place)} ${m.options()}` +
      ` - ${m.fs.type} ${escapeName(m.source)} ${superFlags}\n`;
  }
  return text;
}

/** What of its file system a mount shows: "/", or the directory that was bound. */
function rootOf(mount: Mount): string {
  let name = '';
  for (let d = mount.root; d.parent !== null; d = d.parent) name = `/${d.name}${name}`;
  return name === '' ? '/' : name;
}
