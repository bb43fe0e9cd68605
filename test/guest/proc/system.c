/* proc(5): what programs read of the system: shapes, not values. */
#include "../contract.h"
#include "slurp.h"

#include <dirent.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static int has_line(const char *key) {
  size_t n = strlen(key);
  for (char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : 0)
    if (strncmp(p, key, n) == 0) return 1;
  return 0;
}

CONTRACT(meminfo_lines) {
  static const char *const names[] = {"MemTotal:", "MemFree:", "MemAvailable:", "Buffers:", "Cached:", "SwapCached:",
    "Active:", "Inactive:", "SwapTotal:", "SwapFree:", "Dirty:", "Writeback:", "AnonPages:", "Mapped:", "Shmem:",
    "Slab:", "SReclaimable:", "SUnreclaim:", "PageTables:", "CommitLimit:", "Committed_AS:", "VmallocTotal:"};
  slurp("/proc/meminfo");
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    char *p = strstr(text, names[i]), unit[8] = "";
    long n = -1;
    if (p) sscanf(p + strlen(names[i]), "%ld %7s", &n, unit);
    SAY("%s %d %s, line of %d", names[i], n >= 0, unit, p ? (int)(strchr(p, '\n') - p) : -1);
  }
}

CONTRACT(cpuinfo_lines) {
  static const char *const names[] = {"processor\t: 0\n", "vendor_id\t: ", "cpu family\t: ", "model\t\t: ",
    "model name\t: ", "stepping\t: ", "cpu MHz\t\t: ", "cache size\t: ", "physical id\t: ", "siblings\t: ",
    "core id\t\t: ", "cpu cores\t: ", "fpu\t\t: yes\n", "flags\t\t: ", "bogomips\t: ", "address sizes\t: "};
  slurp("/proc/cpuinfo");
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) SAY("%d", has_line(names[i]));
  SAY("%d %d %d", strstr(text, " sse2 ") != 0, strstr(text, " lm ") != 0, strstr(text, " syscall ") != 0);
}

CONTRACT(uptime_and_loadavg) {
  double a, b, c;
  int running, all, last, end = 0;
  struct sysinfo si;
  slurp("/proc/uptime");
  SAY("%d", sscanf(text, "%lf %lf\n%n", &a, &b, &end) == 2 && text[end] == 0);
  sysinfo(&si);
  SAY("as sysinfo: %d", si.uptime - (long)a <= 2 && si.uptime - (long)a >= -1);
  slurp("/proc/loadavg");
  SAY("%d", sscanf(text, "%lf %lf %lf %d/%d %d\n%n", &a, &b, &c, &running, &all, &last, &end) == 6 && text[end] == 0);
  SAY("%d %d", running >= 1, all >= running);
}

CONTRACT(system_stat_lines) {
  long v[10], btime = 0;
  slurp("/proc/stat");
  SAY("%d", sscanf(text, "cpu  %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld\n", v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6,
                   v + 7, v + 8, v + 9));
  static const char *const names[] = {"cpu0 ", "intr ", "ctxt ", "btime ", "processes ", "procs_running ",
    "procs_blocked ", "softirq "};
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) SAY("%s: %d", names[i], has_line(names[i]));
  char *p = strstr(text, "btime ");
  if (p) btime = atol(p + 6);
  struct sysinfo si;
  sysinfo(&si);
  long off = time(0) - si.uptime - btime;
  SAY("btime: %d", off >= -2 && off <= 2);
}

CONTRACT(kernel_parameters) {
  struct utsname u;
  uname(&u);
  static const struct { const char *path; int number; } files[] = {
    {"/proc/sys/kernel/pid_max", 1}, {"/proc/sys/kernel/threads-max", 1}, {"/proc/sys/kernel/ngroups_max", 1},
    {"/proc/sys/kernel/cap_last_cap", 1}, {"/proc/sys/kernel/random/uuid", 0}, {"/proc/sys/kernel/random/boot_id", 0},
    {"/proc/sys/kernel/random/entropy_avail", 1}, {"/proc/sys/kernel/randomize_va_space", 1},
    {"/proc/sys/kernel/overflowuid", 1}, {"/proc/sys/kernel/overflowgid", 1}, {"/proc/sys/vm/overcommit_memory", 1},
    {"/proc/sys/vm/max_map_count", 1}, {"/proc/sys/fs/file-max", 1}, {"/proc/sys/fs/nr_open", 1},
    {"/proc/sys/fs/pipe-max-size", 1}, {"/proc/sys/net/core/somaxconn", 1},
    {"/proc/sys/fs/inotify/max_user_watches", 1}, {"/proc/sys/kernel/sched_rr_timeslice_ms", 1},
  };
  for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) {
    long n = slurp(files[i].path);
    int digits = strspn(text, "0123456789");
    if (files[i].number) SAY("%s: number %d", files[i].path, digits > 0 && digits == n - 1 && text[n - 1] == '\n');
    else SAY("%s: %ld bytes", files[i].path, n);
  }
  slurp("/proc/sys/kernel/ostype");
  SAY("%s", text);
  slurp("/proc/sys/kernel/osrelease");
  SAY("release: %d", strncmp(text, u.release, strlen(u.release)) == 0 && text[strlen(u.release)] == '\n');
  slurp("/proc/sys/kernel/hostname");
  SAY("hostname: %d", strncmp(text, u.nodename, strlen(u.nodename)) == 0);
  slurp("/proc/version");
  SAY("version: %d", strncmp(text, "Linux version ", 14) == 0 && strstr(text, u.release) == text + 14);
  char a[64] = "", b[64] = "";
  slurp("/proc/sys/kernel/random/uuid");
  strncpy(a, text, 40);
  slurp("/proc/sys/kernel/random/uuid");
  strncpy(b, text, 40);
  SAY("other uuid: %d, version 4: %d", strcmp(a, b) != 0, a[14] == '4');
}

CONTRACT(filesystems_and_mounts) {
  slurp("/proc/filesystems");
  SAY("%d %d %d", has_line("nodev\ttmpfs\n"), has_line("nodev\tproc\n"), has_line("nodev\tsysfs\n"));
  char device[256], where[256], type[64], options[1024];
  int a, b, lines = 0, good = 0;
  slurp("/proc/self/mounts");
  SAY("proc: %d", strstr(text, " /proc proc rw") != 0);
  for (char *p = text; *p; p = strchr(p, '\n') + 1) {
    lines++;
    good += sscanf(p, "%255s %255s %63s %1023s %d %d", device, where, type, options, &a, &b) == 6;
  }
  SAY("all lines: %d", lines > 0 && lines == good);
  slurp("/proc/self/mountinfo");
  lines = good = 0;
  for (char *p = text; *p; p = strchr(p, '\n') + 1) {
    int id, parent, end = 0;
    lines++;
    if (sscanf(p, "%d %d %d:%d %255s %255s %1023s%n", &id, &parent, &a, &b, device, where, options, &end) != 7) continue;
    char *dash = strstr(p + end, " - ");
    good += dash && sscanf(dash, " - %63s %255s %1023s", type, device, options) == 3;
  }
  SAY("all lines: %d", lines > 0 && lines == good);
  char link[64] = "";
  readlink("/proc/mounts", link, 63);
  SAY("%s", link);
  readlink("/proc/net", link, 63);
  SAY("%s", link);
}

CONTRACT(files_of_the_system_do_not_change) {
  struct stat st;
  CHECK(stat("/proc/meminfo", &st));
  SAY("mode %o size %ld", st.st_mode, (long)st.st_size);
  CHECK(stat("/proc/sys/kernel", &st));
  SAY("mode %o", st.st_mode);
  CHECK(stat("/proc/sys/kernel/hostname", &st));
  SAY("mode %o", st.st_mode);
  CHECK(lstat("/proc/self", &st));
  SAY("mode %o", st.st_mode);
  CHECK(unlink("/proc/meminfo"));
  CHECK(rename("/proc/meminfo", "/proc/x"));
  CHECK(link("/proc/meminfo", "here"));
  CHECK(symlink("x", "/proc/x"));
  int fd = MUST(open("/proc/uptime", O_RDONLY));
  char a[64], b[64];
  long n = read(fd, a, 5);
  SAY("%ld, then the rest: %d", n, read(fd, b, 64) > 0);
  VALUE(read(fd, b, 64));
  VALUE(lseek(fd, 0, SEEK_SET));
  VALUE(pread(fd, b, 5, 0));
  CHECK(write(fd, "x", 1));
}

CONTRACT(devices_in_sys) {
  struct stat st;
  CHECK(stat("/sys/devices/system/cpu/online", &st));
  slurp("/sys/devices/system/cpu/online");
  SAY("from 0: %d", text[0] == '0');
  CHECK(stat("/sys/devices/system/cpu/cpu0", &st));
  CHECK(stat("/sys/class/net/lo", &st));
  slurp("/sys/class/net/lo/mtu");
  SAY("%s", text);
  slurp("/sys/class/net/lo/address");
  SAY("%s", text);
  CHECK(stat("/sys/kernel", &st));
  CHECK(stat("/sys/fs/cgroup", &st));
  CHECK(stat("/sys/none", &st));
}
