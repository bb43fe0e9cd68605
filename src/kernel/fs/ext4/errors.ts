/** Why an image cannot be opened, in one line for the user. Everything later is a LinuxError. */

export class Ext4ImageError extends Error {
  override name = 'Ext4ImageError';
}
