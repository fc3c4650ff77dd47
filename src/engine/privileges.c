#include "engine/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

// Whom to become. False: no such user.
static bool user_of(const char *dir, const char *user, uid_t *uid, gid_t *gid)
{
    struct stat st;
    if (*user) {
        struct passwd *pw = getpwnam(user);
        if (!pw)
            return false;
        *uid = pw->pw_uid;
        *gid = pw->pw_gid;
        return true;
    }
    if (stat(dir, &st) != 0)
        return false;
    *uid = st.st_uid;
    *gid = st.st_gid;
    return true;
}

static int make_dir(const char *dir, mode_t mode, const char *owner, const char *user, char **why)
{
    uid_t uid;
    gid_t gid;
    if (mkdir(dir, mode) != 0) {
        if (errno == EEXIST)
            return 0;
        *why = xasprintf("%s: can't be made: %s", dir, strerror(errno));
        return 1;
    }
    if (geteuid() != 0 || (user_of(owner, user, &uid, &gid) && chown(dir, uid, gid) == 0))
        return 0;
    *why = xasprintf("%s: can't be given to user %s", dir, user);
    return 1;
}

int privileges_make_state(const char *dir, const char *user, char **why)
{
    return make_dir(dir, 0700, dir, user, why);
}

int privileges_make_folder(const char *dir, const char *state, const char *user, char **why)
{
    return make_dir(dir, 0755, state, user, why);
}

// Everything but binding low ports goes, from the bounding set too, as long as root may do that.
static void forget_capabilities(void)
{
    for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
        if (cap != CAP_NET_BIND_SERVICE)
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); // EINVAL: this kernel has fewer
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
}

static int keep_bind_only(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    data[0].effective = data[0].permitted = 1U << CAP_NET_BIND_SERVICE;
    return syscall(SYS_capset, &header, data) == 0 ? 0 : -errno;
}

static int become(uid_t uid, gid_t gid)
{
    struct passwd *pw = getpwuid(uid);
    if ((pw ? initgroups(pw->pw_name, gid) : setgroups(0, NULL)) != 0 ||
        setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return -errno;
    return 0;
}

int privileges_drop(const char *dir, const char *user, char **why)
{
    struct rlimit none = {0, 0};
    uid_t uid;
    gid_t gid;
    if (geteuid() == 0) {
        if (!user_of(dir, user, &uid, &gid)) {
            *why = xasprintf("%s: no such user", *user ? user : dir);
            return 1;
        }
        forget_capabilities();
        int r = uid != 0 ? become(uid, gid) : 0;
        if (r == 0)
            r = keep_bind_only();
        if (r < 0) {
            *why = xasprintf("root can't be given up: %s", strerror(-r));
            return 1;
        }
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    setrlimit(RLIMIT_CORE, &none);
    return 0;
}

unsigned long privileges_raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return 64;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NOFILE, &files);
    return (unsigned long)files.rlim_cur;
}
