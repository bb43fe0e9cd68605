/*
 * Which operand of CMPS faults where neither is mapped: the one at rDI, on Intel's processors. Prints what differs
 * from that, and how many instructions were tried.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

static sigjmp_buf back;
static char *address;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    (void)context;
    address = info->si_addr;
    siglongjmp(back, sig);
}

static int tried;

#define TRY(insn, crossing) do { \
        char *from = source + 4096 - (crossing ? 1 : 64), *to = target + 4096 - (crossing ? 1 : 64); \
        long count = 5; \
        if (sigsetjmp(back, 1) == 0) { \
            __asm__ volatile(insn : "+S"(from), "+D"(to), "+c"(count) : : "memory", "cc"); \
            printf(insn ": no fault\n"); \
        } else if (address < target || address >= target + 8192) { \
            printf(insn ": not the operand at rDI\n"); \
        } \
        tried++; \
    } while (0)

#define TRY_ALL() do { \
        TRY("cmpsb", 0); TRY("cmpsw", 0); TRY("cmpsl", 0); TRY("cmpsq", 0); \
        TRY("repe cmpsb", 0); TRY("repe cmpsw", 0); TRY("repne cmpsl", 0); \
        TRY("repe cmpsq", 0); TRY("std; repe cmpsq; cld", 0); \
    } while (0)

static char *reserve(int first_page)
{
    char *p = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(p, 4096, first_page);
    return p;
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &action, NULL);
    char *source = reserve(PROT_NONE), *target = reserve(PROT_NONE);
    TRY_ALL();
    /* Their second pages only. */
    mprotect(source, 4096, PROT_READ | PROT_WRITE);
    mprotect(target, 4096, PROT_READ | PROT_WRITE);
    TRY("cmpsw", 1);
    TRY("cmpsq", 1);
    TRY("repe cmpsw", 1);
    TRY("repe cmpsl", 1);
    TRY("repne cmpsq", 1);
    printf("%d tried\n", tried);
    return 0;
}
