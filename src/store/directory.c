// The state directory: made when it is missing, refused when it is somebody else's, locked.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/inside.h"

static int refused(char **why, const char *path, const char *what, int error)
{
    *why = error ? xasprintf("%s: %s: %s", path, what, strerror(error))
                 : xasprintf("%s: %s", path, what);
    return 1;
}

static int make_parents(const char *dir)
{
    CLEANUP(xfree) char *path = xstrdup(dir);
    for (char *at = path + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return -errno;
        *at = '/';
    }
    return 0;
}

// Without a database of ours, anything else in it says that it is not meant for us: `state: /etc`
// must not change the modes of /etc.
static bool is_ours(int fd, const char *dir, char **why)
{
    DIR *d = fdopendir(dup(fd));
    bool has_database = faccessat(fd, DB_FILE, F_OK, 0) == 0, has_other = false;
    for (struct dirent *e; d && (e = readdir(d));)
        has_other |= strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                     strcmp(e->d_name, "lock") != 0 && strcmp(e->d_name, "spool") != 0 &&
                     strcmp(e->d_name, "token.keys") != 0 && // an operator may put it there first
                     strcmp(e->d_name, "lost+found") != 0;
    if (d)
        closedir(d);
    if (has_database || !has_other)
        return true;
    refused(why, dir, "is no state directory: it has other files and no " DB_FILE, 0);
    return false;
}

static int held(char **why, const char *dir, int lock)
{
    char holder[32] = "";
    ssize_t n = pread(lock, holder, sizeof(holder) - 1, 0);
    holder[n > 0 ? strspn(holder, "0123456789") : 0] = '\0';
    *why = xasprintf("%s: is in use by another engine (pid %s)", dir, *holder ? holder : "unknown");
    return 1;
}

bool store_is_held(const char *dir, char **why)
{
    CLEANUP(xfree) char *path = xasprintf("%s/lock", dir);
    int lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (lock < 0)
        return false;
    bool is_held = flock(lock, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    if (is_held)
        held(why, dir, lock);
    close(lock);
    return is_held;
}

static int lock(int fd, const char *dir, int *lock_fd, char **why)
{
    CLEANUP(xfree) char *path = xasprintf("%s/lock", dir);
    char holder[32];
    int lock = openat(fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0)
        return refused(why, path, "can't be written", errno);
    if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
        int error = errno;
        int r = error == EWOULDBLOCK ? held(why, dir, lock)
                                     : refused(why, path, "can't be locked", error);
        close(lock);
        return r;
    }
    int n = snprintf(holder, sizeof(holder), "%ld\n", (long)getpid());
    if (ftruncate(lock, 0) < 0 || pwrite(lock, holder, (size_t)n, 0) != n) {
        int error = errno;
        close(lock);
        return refused(why, path, "can't be written", error);
    }
    *lock_fd = lock;
    return 0;
}

static int open_spool(int fd, const char *dir, int *folder, char **why)
{
    CLEANUP(xfree) char *path = xasprintf("%s/spool", dir);
    if (mkdirat(fd, "spool", 0700) < 0 && errno != EEXIST)
        return refused(why, path, "can't be made", errno);
    *folder = openat(fd, "spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0 || fchmod(*folder, 0700) < 0)
        return refused(why, path, "can't be opened", errno);
    return 0;
}

int directory_open(const char *dir, int *lock_fd, int *folder, char **why)
{
    int r = make_parents(dir);
    if (r < 0)
        return refused(why, dir, "can't be made", -r);
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return refused(why, dir, "can't be made", errno);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return refused(why, dir, errno == ENOTDIR ? "is no directory" : "can't be opened",
                       errno == ENOTDIR ? 0 : errno);
    r = is_ours(fd, dir, why) ? 0 : 1;
    if (r == 0)
        r = lock(fd, dir, lock_fd, why);
    if (r == 0 && fchmod(fd, 0700) < 0)
        r = refused(why, dir, "can't be made private", errno);
    if (r == 0)
        r = open_spool(fd, dir, folder, why);
    if (r == 0 && fsync(fd) < 0)
        r = refused(why, dir, "can't be flushed", errno);
    close(fd);
    return r;
}
