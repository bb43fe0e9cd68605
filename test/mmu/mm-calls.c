/*
 * Executes memory calls from standard input and prints what Linux makes of them; linux.diff.test.ts
 * gives the same calls to our kernel. One call a line:
 *
 *   m addr length prot flags file offset   mmap (file: 0 none, 1 read-write, 2 read-only)
 *   u addr length          munmap          p addr length prot     mprotect
 *   r addr old new flags target  mremap    a addr length advice   madvise
 *   y addr length flags    msync           c addr length          mincore
 *   k addr length          mlock           K addr length          munlock
 *   s addr value           store a byte    l addr                 load a byte
 *   w offset value         write(2) a byte into the file
 *   t size                 ftruncate       q addr length          print rights page by page
 *   n                      new file, everything in the region unmapped
 *
 * Addresses are hexadecimal. Addresses outside the region are printed as "elsewhere" and unmapped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REGION 0x10000000000UL
#define REGION_SIZE 0x400000UL
#define FILE_SIZE 24676

static sigjmp_buf out;
static int fds[3] = {-1, -1, -1};

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	siglongjmp(out, sig * 100 + info->si_code);
}

static void new_file(void)
{
	char path[] = "/tmp/mm-calls-XXXXXX";
	munmap((void *)REGION, REGION_SIZE);
	for (int i = 1; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	fds[1] = mkstemp(path);
	fds[2] = open(path, O_RDONLY);
	unlink(path);
	for (int i = 0; i < FILE_SIZE; i++) {
		unsigned char byte = i * 7 + (i >> 8) * 13 + 1;
		if (pwrite(fds[1], &byte, 1, i) != 1)
			exit(2);
	}
}

static void print_address(void *p, unsigned long length)
{
	unsigned long at = (unsigned long)p;
	if (p == MAP_FAILED) {
		printf("%d\n", -errno);
	} else if (at >= REGION && at < REGION + REGION_SIZE) {
		printf("%lx\n", at);
	} else {
		munmap(p, length);
		printf("elsewhere\n");
	}
}

static void print_rights(unsigned long from, unsigned long length)
{
	char line[512], rights[8];
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long at = from, start, end, offset, ino;
	while (fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%lx-%lx %7s %lx %*s %lu", &start, &end, rights, &offset, &ino) != 5)
			continue;
		for (; at < from + length && at < end; at += 4096) {
			int mapped = at >= start;
			printf("%s:%lx ", mapped ? rights : "none", mapped && ino ? offset + at - start : 0);
		}
	}
	for (; at < from + length; at += 4096)
		printf("none:0 ");
	printf("\n");
	fclose(maps);
}

static void run(char call, unsigned long *a)
{
	unsigned char vec[1024], byte;
	int fault = sigsetjmp(out, 1);
	if (fault) {
		printf("signal %d code %d\n", fault / 100, fault % 100);
		return;
	}
	void *p = (void *)a[0];
	switch (call) {
	case 'm': print_address(mmap(p, a[1], a[2], a[3], fds[a[4]], a[5]), a[1]); return;
	case 'r': print_address(mremap(p, a[1], a[2], a[3], (void *)a[4]), a[2]); return;
	case 'u': a[0] = munmap(p, a[1]); break;
	case 'p': a[0] = mprotect(p, a[1], a[2]); break;
	case 'a': a[0] = madvise(p, a[1], a[2]); break;
	case 'y': a[0] = msync(p, a[1], a[2]); break;
	case 'c': a[0] = mincore(p, a[1], vec); break;
	case 'k': a[0] = mlock(p, a[1]); break;
	case 'K': a[0] = munlock(p, a[1]); break;
	case 's': *(volatile unsigned char *)p = a[1]; printf("stored\n"); return;
	case 'l': printf("%d\n", *(volatile unsigned char *)p); return;
	case 'w': byte = a[1]; a[0] = pwrite(fds[1], &byte, 1, a[0]) == 1 ? 0 : -1; break;
	case 't': a[0] = ftruncate(fds[1], a[0]); break;
	case 'n': new_file(); a[0] = 0; break;
	case 'q': print_rights(a[0], a[1]); return;
	default: exit(3);
	}
	printf("%d\n", a[0] == 0 ? 0 : -errno);
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	char line[256], call;
	sigaction(SIGSEGV, &action, 0);
	sigaction(SIGBUS, &action, 0);
	new_file();
	while (fgets(line, sizeof line, stdin)) {
		unsigned long a[6] = {0};
		sscanf(line, "%c %lx %lx %lx %lx %lx %lx", &call, a, a + 1, a + 2, a + 3, a + 4, a + 5);
		run(call, a);
	}
	return 0;
}
