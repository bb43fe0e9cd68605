/**
 * Where things are on disk: fs/ext4/ext4.h, ext4_extents.h and xattr.h of Linux, and
 * Documentation/filesystems/ext4. All numbers are little-endian. Names follow the headers.
 */

export const EXT4_MAGIC = 0xef53;
export const SUPERBLOCK_OFFSET = 1024;
export const SUPERBLOCK_SIZE = 1024;

/** struct ext4_super_block */
export const SB = {
  inodesCount: 0x00,
  blocksCountLo: 0x04,
  rBlocksCountLo: 0x08,
  freeBlocksLo: 0x0c,
  freeInodes: 0x10,
  firstDataBlock: 0x14,
  logBlockSize: 0x18,
  logClusterSize: 0x1c,
  blocksPerGroup: 0x20,
  clustersPerGroup: 0x24,
  inodesPerGroup: 0x28,
  mtime: 0x2c,
  wtime: 0x30,
  mntCount: 0x34,
  maxMntCount: 0x36,
  magic: 0x38,
  state: 0x3a,
  errors: 0x3c,
  minorRev: 0x3e,
  lastcheck: 0x40,
  checkinterval: 0x44,
  creatorOs: 0x48,
  revLevel: 0x4c,
  firstIno: 0x54,
  inodeSize: 0x58,
  blockGroupNr: 0x5a,
  featureCompat: 0x5c,
  featureIncompat: 0x60,
  featureRoCompat: 0x64,
  uuid: 0x68,
  volumeName: 0x78,
  reservedGdtBlocks: 0xce,
  journalUuid: 0xd0,
  journalInum: 0xe0,
  lastOrphan: 0xe8,
  hashSeed: 0xec,
  defHashVersion: 0xfc,
  jnlBackupType: 0xfd,
  descSize: 0xfe,
  defaultMountOpts: 0x100,
  firstMetaBg: 0x104,
  mkfsTime: 0x108,
  jnlBlocks: 0x10c,
  blocksCountHi: 0x150,
  rBlocksCountHi: 0x154,
  freeBlocksHi: 0x158,
  minExtraIsize: 0x15c,
  wantExtraIsize: 0x15e,
  flags: 0x160,
  logGroupsPerFlex: 0x174,
  checksumType: 0x175,
  kbytesWritten: 0x178,
  overheadClusters: 0x248,
  backupBgs: 0x24c,
  checksumSeed: 0x270,
  orphanFileInum: 0x280,
  checksum: 0x3fc,
} as const;

export const STATE_VALID = 1;
export const STATE_ERRORS = 2;
export const FLAG_SIGNED_HASH = 1;
export const FLAG_UNSIGNED_HASH = 2;

export const COMPAT = {
  has_journal: 0x4,
  ext_attr: 0x8,
  resize_inode: 0x10,
  dir_index: 0x20,
  sparse_super2: 0x200,
  fast_commit: 0x400,
  orphan_file: 0x1000,
} as const;

export const INCOMPAT = {
  compression: 0x1,
  filetype: 0x2,
  needs_recovery: 0x4,
  journal_dev: 0x8,
  meta_bg: 0x10,
  extent: 0x40,
  '64bit': 0x80,
  mmp: 0x100,
  flex_bg: 0x200,
  ea_inode: 0x400,
  dirdata: 0x1000,
  metadata_csum_seed: 0x2000,
  large_dir: 0x4000,
  inline_data: 0x8000,
  encrypt: 0x10000,
  casefold: 0x20000,
} as const;

export const RO_COMPAT = {
  sparse_super: 0x1,
  large_file: 0x2,
  btree_dir: 0x4,
  huge_file: 0x8,
  uninit_bg: 0x10,
  dir_nlink: 0x20,
  extra_isize: 0x40,
  has_snapshot: 0x80,
  quota: 0x100,
  bigalloc: 0x200,
  metadata_csum: 0x400,
  replica: 0x800,
  read_only: 0x1000,
  project: 0x2000,
  shared_blocks: 0x4000,
  verity: 0x8000,
  orphan_present: 0x10000,
} as const;

/** struct ext4_group_desc; the fields from 0x20 on exist with 64bit. */
export const GD = {
  blockBitmapLo: 0x00,
  inodeBitmapLo: 0x04,
  inodeTableLo: 0x08,
  freeBlocksLo: 0x0c,
  freeInodesLo: 0x0e,
  usedDirsLo: 0x10,
  flags: 0x12,
  excludeBitmapLo: 0x14,
  blockBitmapCsumLo: 0x18,
  inodeBitmapCsumLo: 0x1a,
  itableUnusedLo: 0x1c,
  checksum: 0x1e,
  blockBitmapHi: 0x20,
  inodeBitmapHi: 0x24,
  inodeTableHi: 0x28,
  freeBlocksHi: 0x2c,
  freeInodesHi: 0x2e,
  usedDirsHi: 0x30,
  itableUnusedHi: 0x32,
  blockBitmapCsumHi: 0x38,
  inodeBitmapCsumHi: 0x3a,
} as const;

export const BG_INODE_UNINIT = 1;
export const BG_BLOCK_UNINIT = 2;
export const BG_INODE_ZEROED = 4;

/** struct ext4_inode */
export const INO = {
  mode: 0x00,
  uidLo: 0x02,
  sizeLo: 0x04,
  atime: 0x08,
  ctime: 0x0c,
  mtime: 0x10,
  dtime: 0x14,
  gidLo: 0x18,
  linksCount: 0x1a,
  blocksLo: 0x1c,
  flags: 0x20,
  version: 0x24,
  block: 0x28,
  generation: 0x64,
  fileAclLo: 0x68,
  sizeHi: 0x6c,
  blocksHi: 0x74,
  fileAclHi: 0x76,
  uidHi: 0x78,
  gidHi: 0x7a,
  checksumLo: 0x7c,
  extraIsize: 0x80,
  checksumHi: 0x82,
  ctimeExtra: 0x84,
  mtimeExtra: 0x88,
  atimeExtra: 0x8c,
  crtime: 0x90,
  crtimeExtra: 0x94,
} as const;

export const GOOD_OLD_INODE_SIZE = 128;
/** i_extra_isize of inodes made here: up to and including i_projid, as Linux. */
export const WANT_EXTRA_ISIZE = 32;
export const I_BLOCK_SIZE = 60;

export const FL_SYNC = 0x8;
export const FL_IMMUTABLE = 0x10;
export const FL_APPEND = 0x20;
export const FL_INDEX = 0x1000;
export const FL_HUGE_FILE = 0x40000;
export const FL_EXTENTS = 0x80000;
export const FL_VERITY = 0x100000;
export const FL_EA_INODE = 0x200000;
export const FL_INLINE_DATA = 0x10000000;
/** What FS_IOC_GETFLAGS shows and FS_IOC_SETFLAGS changes (EXT4_FL_USER_VISIBLE, EXT4_FL_USER_MODIFIABLE). */
export const FL_USER_VISIBLE = 0x725bdfff;
export const FL_USER_MODIFIABLE = 0x624bc0ff;
/** Flags whose change needs what is not here: data in the journal, files without extents, DAX, casefold. */
export const FL_UNSUPPORTED: number = 0x4000 | 0x80000 | 0x2000000 | 0x40000000;
/** What only directories have (EXT4_REG_FLMASK), and what others than files and directories have (EXT4_OTHER_FLMASK). */
export const FL_DIRECTORIES: number = 0x10000 | 0x20000 | 0x40000000 | 0x20000000;
export const FL_OTHERS: number = 0x40 | 0x80;
/** What a new inode takes over from its directory (EXT4_FL_INHERITED, without what we do not act on). */
export const FL_INHERITED: number = 0x8 | 0x40 | 0x80;

export const ROOT_INO = 2;
export const RESIZE_INO = 7;
export const JOURNAL_INO = 8;
export const GOOD_OLD_FIRST_INO = 11;
export const LINK_MAX = 65000;
export const NAME_LEN = 255;

/** struct ext4_extent_header, _idx and _extent: 12 bytes each */
export const EXT_MAGIC = 0xf30a;
export const EH = { magic: 0, entries: 2, max: 4, depth: 6, generation: 8 } as const;
export const EXT_SIZE = 12;
export const EXT_MAX_DEPTH = 5;
export const EXT_INIT_MAX_LEN = 32768;
export const EXT_UNWRITTEN_MAX_LEN = 32767;
/** Logical blocks are 32 bits wide, and the last one is not used. */
export const EXT_MAX_BLOCKS = 0xffffffff;

/** Directory entry types, by S_IFMT >> 12. */
export const DT_OF_MODE: readonly number[] = [0, 5, 3, 0, 2, 0, 4, 0, 1, 0, 7, 0, 6, 0, 0, 0];
/** S_IFMT bits by directory entry type. */
export const MODE_OF_DT: readonly number[] = [
  0, 0o100000, 0o040000, 0o020000, 0o060000, 0o010000, 0o140000, 0o120000,
];
/** What the last 12 bytes of a checksummed directory block look like to code that knows no checksums. */
export const DIR_TAIL_SIZE = 12;
export const DIR_TAIL_TYPE = 0xde;

export const XATTR_MAGIC = 0xea020000;
export const XATTR_HEADER_SIZE = 32;
