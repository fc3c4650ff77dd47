// seccomp(2) by libseccomp: reading and writing the one socket, memory without execution, time, and the
// end. A file that a library would like to open is refused, as if it were forbidden, since a charset that
// nobody foresaw must not cost a report; anything else ends the process.
#include "warden/reader_sandbox.h"

#include <errno.h>
#include <linux/futex.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "warden/reader_child.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_WATCHED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
    __has_feature(thread_sanitizer)
#define IS_WATCHED true
#endif
#endif
#ifndef IS_WATCHED
#define IS_WATCHED false
#endif

bool sandbox_is_watched(void)
{
    return IS_WATCHED;
}

static bool set_bounds(void)
{
    static const struct {
        int what;
        rlim_t most;
        bool is_plain; // only without a sanitizer
    } bounds[] = {
        {RLIMIT_AS, READER_ADDRESSES, true},
        {RLIMIT_DATA, READER_MEMORY, true},
        {RLIMIT_CPU, READER_LIFE_SECONDS, false},
        {RLIMIT_STACK, 8 << 20, false},
        {RLIMIT_FSIZE, 0, false},
        {RLIMIT_CORE, 0, false},
        {RLIMIT_NOFILE, 0, true},
        {RLIMIT_NPROC, 0, true},
        {RLIMIT_MEMLOCK, 0, false},
        {RLIMIT_MSGQUEUE, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        struct rlimit limit = {bounds[i].most, bounds[i].most}, now;
        if (bounds[i].is_plain && IS_WATCHED)
            continue;
        if (getrlimit((__rlimit_resource_t)bounds[i].what, &now) != 0)
            return false;
        if (now.rlim_max < limit.rlim_max)
            limit.rlim_cur = limit.rlim_max = now.rlim_max;
        if (setrlimit((__rlimit_resource_t)bounds[i].what, &limit) != 0)
            return false;
    }
    return true;
}

static const int allowed[] = {
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(setitimer),
    SCMP_SYS(getrandom),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

// What a sanitizer needs to look after itself.
static const int watched[] = {
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(prctl),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),
    SCMP_SYS(close),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
};

// Refused with EACCES: a library asks, and can live without.
static const int refused[] = {
    SCMP_SYS(open),       SCMP_SYS(openat),   SCMP_SYS(stat),       SCMP_SYS(fstat),
    SCMP_SYS(newfstatat), SCMP_SYS(lstat),    SCMP_SYS(statx),      SCMP_SYS(access),
    SCMP_SYS(faccessat),  SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(sysinfo),
    SCMP_SYS(uname),      SCMP_SYS(getcwd),
};

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = seccomp_rule_add(filter, action, calls[i], 0);
    return r;
}

static int add_narrow(scmp_filter_ctx filter)
{
    const uint32_t allow = SCMP_ACT_ALLOW;
    int r = seccomp_rule_add(filter, allow, SCMP_SYS(read), 1, SCMP_A0(SCMP_CMP_EQ, READER_FD));
    if (r == 0)
        r = seccomp_rule_add(filter, allow, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, READER_FD));
    if (r == 0)
        r = seccomp_rule_add(filter, allow, SCMP_SYS(mmap), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (r == 0)
        r = seccomp_rule_add(filter, allow, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (r == 0 && IS_WATCHED)
        r = seccomp_rule_add(filter, allow, SCMP_SYS(write), 1,
                             SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
    return r;
}

static bool set_filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return false;
    int r = add_narrow(filter);
    if (r == 0)
        r = add_all(filter, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));
    if (r == 0)
        r = add_all(filter, SCMP_ACT_ERRNO(EACCES), refused, ARRAY_LEN(refused));
    if (r == 0 && IS_WATCHED)
        r = add_all(filter, SCMP_ACT_ALLOW, watched, ARRAY_LEN(watched));
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return r == 0;
}

const char *sandbox_enter(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
        return "it can't be made to die with the engine";
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return "its privileges can't be taken (prctl)";
    if (!set_bounds())
        return "its bounds can't be set (setrlimit)";
    return set_filter() ? NULL : "its system calls can't be filtered (seccomp)";
}
