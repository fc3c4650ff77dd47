#include "store/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"

enum { NAME = 32, BLOCK = 256 << 10 };

static const char *const spares[] = {"spare-1", "spare-2"};

static void name_of(char out[NAME], uint32_t no)
{
    snprintf(out, NAME, "%08u.seg", no);
}

bool is_want_of_space(int r)
{
    return r == -ENOSPC || r == -EDQUOT || r == -EFBIG;
}

// Space is reserved so that a write into it cannot fail for want of it, and so that its flush need
// not write a new length each time.
static int reserve(int fd, uint64_t size)
{
    if (fallocate(fd, 0, 0, (off_t)size) == 0)
        return 0;
    if (errno != EOPNOTSUPP)
        return -errno;
    return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

static int make(int folder, const char *name, uint64_t size)
{
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = reserve(fd, size);
    if (r == 0 && (fsync(fd) < 0 || fsync(folder) < 0))
        r = -errno;
    if (r == 0)
        return fd;
    close(fd);
    unlinkat(folder, name, 0);
    return r;
}

int segment_make(int folder, uint32_t no, uint64_t size)
{
    char name[NAME];
    name_of(name, no);
    return make(folder, name, size);
}

static bool is_missing(int folder, const char *name)
{
    return faccessat(folder, name, F_OK, 0) < 0 && errno == ENOENT;
}

int segment_spare_make(int folder, uint64_t size)
{
    for (size_t i = 0; i < ARRAY_LEN(spares); i++) {
        int fd = is_missing(folder, spares[i]) ? make(folder, spares[i], size) : 0;
        if (fd < 0)
            return fd;
        if (fd > 0)
            close(fd);
    }
    return 0;
}

int segment_spare_take(int folder, uint32_t no)
{
    char name[NAME];
    name_of(name, no);
    for (size_t i = 0; i < ARRAY_LEN(spares); i++) {
        if (renameat(folder, spares[i], folder, name) == 0)
            return fsync(folder) < 0 ? -errno : segment_open(folder, no);
        if (errno != ENOENT)
            return -errno;
    }
    return -ENOENT;
}

// Zeros over all of it, in place: a reader must not meet what it held before.
static int wipe(int fd, uint64_t size)
{
    static const uint8_t zeros[64 << 10];
    struct stat st;
    if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != size)
        return -EINVAL;
    for (uint64_t at = 0; at < size; at += sizeof(zeros))
        if (pwrite(fd, zeros, sizeof(zeros), (off_t)at) != sizeof(zeros))
            return -EIO;
    return fdatasync(fd) < 0 ? -errno : 0;
}

int segment_spare_put(int folder, uint32_t no, uint64_t size)
{
    char name[NAME];
    name_of(name, no);
    for (size_t i = 0; i < ARRAY_LEN(spares); i++) {
        if (!is_missing(folder, spares[i]))
            continue;
        int fd = segment_open(folder, no);
        int r = fd < 0 ? fd : wipe(fd, size);
        if (fd >= 0)
            close(fd);
        if (r == 0 && renameat(folder, name, folder, spares[i]) == 0)
            return 0;
        break;
    }
    return segment_remove(folder, no);
}

int segment_open(int folder, uint32_t no)
{
    char name[NAME];
    name_of(name, no);
    int fd = openat(folder, name, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int segment_remove(int folder, uint32_t no)
{
    char name[NAME];
    name_of(name, no);
    return unlinkat(folder, name, 0) < 0 ? -errno : 0;
}

static bool number_of(const char *name, uint32_t *no)
{
    char *end = NULL;
    if (strspn(name, "0123456789") != 8 || strcmp(name + 8, ".seg") != 0)
        return false;
    *no = (uint32_t)strtoul(name, &end, 10);
    return end == name + 8;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int segment_list(int folder, uint32_t **numbers, size_t *n)
{
    *numbers = NULL;
    *n = 0;
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return fault(-errno);
    uint32_t no;
    for (struct dirent *e; (e = readdir(d));) {
        if (!number_of(e->d_name, &no))
            continue;
        *numbers = xrealloc(*numbers, *n + 1, sizeof(**numbers));
        (*numbers)[(*n)++] = no;
    }
    closedir(d);
    if (*n)
        qsort(*numbers, *n, sizeof(**numbers), by_number);
    return 0;
}

void segment_punch(int fd, uint64_t from, uint64_t to)
{
    enum { PAGE = 4096 };
    from = (from + PAGE - 1) / PAGE * PAGE;
    to = to / PAGE * PAGE;
    if (from < to && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
                               (off_t)(to - from)) < 0)
        fault(-errno); // a file system without holes: the segment goes as a whole, later
}

static ssize_t read_at(int fd, uint8_t *p, size_t n, uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, p + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

void segment_walk_init(struct segment_walk *w, int fd, struct place from, uint64_t end,
                       bool is_checked)
{
    *w = (struct segment_walk){
        .fd = fd, .at = from, .end = end, .is_checked = is_checked, .ahead = BLOCK};
}

void segment_walk_deinit(struct segment_walk *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    w->block = xfree(w->block);
}

// Makes [offset, offset + n) stand in the block. 1; 0: the file ends before; < 0: a fault.
static int need(struct segment_walk *w, uint64_t offset, size_t n)
{
    if (w->block && offset >= w->block_at && offset + n <= w->block_at + w->block_n)
        return 1;
    size_t want = n > w->ahead ? n : w->ahead;
    if (want > w->block_room) {
        w->block = xrealloc(w->block, want, 1);
        w->block_room = want;
    }
    ssize_t got = read_at(w->fd, w->block, want, offset);
    w->block_at = offset;
    w->block_n = got < 0 ? 0 : (size_t)got;
    return got < 0 ? fault((int)got) : (size_t)got >= n;
}

static const uint8_t *at(const struct segment_walk *w, uint64_t offset)
{
    return w->block + (offset - w->block_at);
}

// Continues the checksum over a body of any size, block by block.
static int check_body(struct segment_walk *w, uint64_t from, uint64_t n, uint32_t crc,
                      uint32_t expected)
{
    while (n) {
        size_t part = n > BLOCK / 2 ? BLOCK / 2 : (size_t)n;
        int r = need(w, from, part);
        if (r <= 0)
            return r;
        crc = hash_crc32c(crc, bytes_of(at(w, from), part));
        from += part;
        n -= part;
    }
    return crc == expected;
}

static int torn(struct segment_walk *w)
{
    w->is_torn = true;
    return 0;
}

static bool is_zero(const uint8_t *p, size_t n)
{
    return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

int segment_walk_next(struct segment_walk *w, struct segment_record *out)
{
    struct record_header h;
    uint64_t offset = w->at.offset;
    if (offset >= w->end)
        return 0;
    int r = need(w, offset, RECORD_HEADER);
    if (r <= 0)
        return r;
    if (!record_header_parse(&h, at(w, offset)))
        return is_zero(at(w, offset), RECORD_HEADER) ? 0 : torn(w);
    size_t head_n = RECORD_HEADER + h.head_n;
    r = need(w, offset, head_n);
    if (r <= 0)
        return r < 0 ? r : torn(w);
    if (w->is_checked) {
        uint32_t crc = record_crc(at(w, offset), h.head_n, w->at);
        r = check_body(w, offset + head_n, h.body_n, crc, h.crc);
        if (r <= 0)
            return r < 0 ? r : torn(w);
        r = need(w, offset, head_n); // the body may have pushed it out
        if (r <= 0)
            return r;
    }
    *out = (struct segment_record){.header = h,
                                   .head = bytes_of(at(w, offset) + RECORD_HEADER, h.head_n),
                                   .at = w->at,
                                   .length = head_n + h.body_n};
    w->at.offset += out->length;
    return 1;
}

// Is there a whole record at this place? 1, 0, < 0.
static int is_whole(struct segment_walk *w, uint64_t offset)
{
    struct segment_walk probe = *w;
    struct segment_record record;
    probe.at.offset = offset;
    probe.is_torn = false;
    int r = segment_walk_next(&probe, &record);
    probe.at = w->at;
    probe.is_torn = w->is_torn;
    *w = probe; // what was read ahead is the walk's
    return r;
}

int segment_walk_resync(struct segment_walk *w)
{
    for (uint64_t offset = w->at.offset + 1; offset < w->end; offset++) {
        struct record_header h;
        int r = need(w, offset, RECORD_HEADER);
        if (r <= 0)
            return r;
        if (!record_header_parse(&h, at(w, offset)))
            continue;
        r = is_whole(w, offset);
        if (r < 0)
            return r;
        if (r > 0) {
            w->at.offset = offset;
            w->is_torn = false;
            return 1;
        }
    }
    return 0;
}

int segment_read_body(int folder, struct place place, uint8_t **body, uint64_t *body_n)
{
    struct segment_walk w;
    struct segment_record record;
    int fd = segment_open(folder, place.segment);
    if (fd < 0)
        return fault(fd);
    segment_walk_init(&w, fd, place, UINT64_MAX, true);
    w.ahead = BLOCK / 16; // one message, not the neighbourhood
    int r = segment_walk_next(&w, &record);
    if (r == 1 && record.header.type == RECORD_ARRIVED) {
        size_t n = (size_t)record.header.body_n;
        uint64_t from = place.offset + record.length - n;
        *body = xmalloc(n + 1);
        *body_n = n;
        if (read_at(fd, *body, n, from) != (ssize_t)n)
            r = 0;
        if (r == 0)
            *body = xfree(*body);
    } else if (r == 1) {
        r = 0;
    }
    segment_walk_deinit(&w);
    return r == 1 ? 0 : fault(-EIO);
}
