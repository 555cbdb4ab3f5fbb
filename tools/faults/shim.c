/* Between a process and the C library: counts what is done to files below a folder, makes the n-th operation of a kind
 * fail, and keeps what each sync made durable. Loaded by LD_PRELOAD, so that HDF5, SQLite and Arrow are seen as well.
 *
 * All processes that a command starts share one control file (struct control), mapped by each. Where it is stands in
 * the environment (CLOSEDLOOP_FAULTS); a forked child may attach to another one by faults_attach().
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE, SYNC, RENAME, OPEN, TRUNCATE, MKDIR, REMOVE, READ, N_KINDS };
static const char *const NAMES[N_KINDS] = {"write", "sync", "rename", "open", "truncate", "mkdir", "remove", "read"};

enum action { NOTHING, FAIL, KILL_BEFORE, KILL_AFTER, SHORT };

struct control {
    char prefix[PATH_MAX];        /* the folder that is looked at */
    char log[PATH_MAX];           /* file to append operations to; empty for none */
    char store[PATH_MAX];         /* folder that keeps what syncs made durable; empty for none */
    int32_t kind;                 /* of the operation that fails */
    int32_t action;
    int32_t error;                /* errno of FAIL */
    int32_t every;                /* not only the n-th: that one and all later ones */
    int64_t n;                    /* which one fails, from 1 */
    _Atomic int64_t counts[N_KINDS];
    _Atomic int64_t fired;        /* how often it did */
    _Atomic int64_t sequence;     /* of the logged operations */
};

static struct control *control;
static int log_descriptor = -1;
static __thread int inside;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) _exit(99);
    return found;
}

int faults_size(void) { return (int)sizeof(struct control); }

void faults_attach(const char *path) {
    inside++;
    if (control) munmap(control, sizeof *control);
    if (log_descriptor >= 0) { REAL(close)(log_descriptor); log_descriptor = -1; }
    control = NULL;
    int descriptor = path && *path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor >= 0) {
        void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        REAL(close)(descriptor);
        if (mapped != MAP_FAILED) control = mapped;
    }
    if (control && control->log[0])
        log_descriptor = (int)syscall(SYS_openat, AT_FDCWD, control->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    inside--;
}

__attribute__((constructor)) static void begin(void) { faults_attach(getenv("CLOSEDLOOP_FAULTS")); }

/* Return whether a path is below the folder; relative ones are made whole. */
static int is_ours(const char *path, char *whole) {
    if (!control || inside) return 0;
    if (path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
    } else {
        char here[PATH_MAX / 2];
        if (!getcwd(here, sizeof here)) return 0;
        snprintf(whole, PATH_MAX, "%s/%s", here, path);
    }
    size_t length = strlen(control->prefix);
    return strncmp(whole, control->prefix, length) == 0 && (whole[length] == '/' || whole[length] == 0);
}

static int is_ours_at(int folder, const char *path, char *whole) {
    if (path[0] == '/' || folder == AT_FDCWD) return is_ours(path, whole);
    if (!control || inside) return 0;
    char link[64], at[PATH_MAX / 2];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t n = readlink(link, at, sizeof at - 1);
    if (n < 0) return 0;
    at[n] = 0;
    char joined[PATH_MAX];
    snprintf(joined, sizeof joined, "%s/%s", at, path);
    return is_ours(joined, whole);
}

static int is_ours_open(int descriptor, char *whole) {
    if (!control || inside) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0 || path[0] != '/') return 0;
    path[n] = 0;
    return is_ours(path, whole);
}

static void say(const char *name, const char *path, const char *other, int64_t number) {
    if (log_descriptor < 0) return;
    char line[2 * PATH_MAX + 100];
    int n = snprintf(line, sizeof line, "%lld\t%s\t%s\t%s\t%d\n", (long long)number, name, path, other, (int)getpid());
    if (n > 0) syscall(SYS_write, log_descriptor, line, (size_t)n);
}

/* Keep a file's content as it is when its sync is over. */
static void keep(int descriptor, int64_t number) {
    if (!control->store[0]) return;
    struct stat status;
    if (fstat(descriptor, &status) || !S_ISREG(status.st_mode)) return;
    char path[PATH_MAX + 32], link[64];
    snprintf(path, sizeof path, "%s/%lld", control->store, (long long)number);
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    int from = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
    int to = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char block[1 << 16];
    long n;
    while (from >= 0 && to >= 0 && (n = syscall(SYS_read, from, block, sizeof block)) > 0)
        syscall(SYS_write, to, block, (size_t)n);
    if (from >= 0) REAL(close)(from);
    if (to >= 0) REAL(close)(to);
}

/* Count an operation; return what is to happen to it. */
static enum action count(enum kind kind) {
    int64_t n = atomic_fetch_add(&control->counts[kind], 1) + 1;
    if (control->action == NOTHING || control->kind != (int32_t)kind) return NOTHING;
    if (n != control->n && !(control->every && n > control->n)) return NOTHING;
    atomic_fetch_add(&control->fired, 1);
    if (control->action == KILL_BEFORE) kill(getpid(), SIGKILL);
    return (enum action)control->action;
}

static int64_t next(void) { return atomic_fetch_add(&control->sequence, 1) + 1; }

static void after(enum action what) {
    if (what == KILL_AFTER) kill(getpid(), SIGKILL);
}

/* An operation on an open file or a name: what is OURS, its KIND, the CALL, and what is SAID of it once it is done. */
#define DO(OURS, KIND, TYPE, CALL, SAID)                                                     \
    do {                                                                                     \
        char whole[PATH_MAX];                                                                \
        if (!(OURS)) return CALL;                                                            \
        enum action what = count(KIND);                                                      \
        if (what == FAIL) { errno = control->error; return -1; }                             \
        inside++;                                                                            \
        TYPE result = CALL;                                                                  \
        int saved = errno;                                                                   \
        if (result >= 0 && log_descriptor >= 0) { int64_t number = next(); (void)number; SAID; } \
        inside--;                                                                            \
        after(what);                                                                         \
        errno = saved;                                                                       \
        return result;                                                                       \
    } while (0)

static size_t part_of(enum action what, size_t n) { return what == SHORT && n > 1 ? n / 2 : n; }

#define DO_WRITE(CALL)                                                                       \
    do {                                                                                     \
        char whole[PATH_MAX];                                                                \
        enum action what = NOTHING;                                                          \
        int ours = is_ours_open(descriptor, whole);                                          \
        if (ours) what = count(WRITE);                                                       \
        if (what == FAIL) { errno = control->error; return -1; }                             \
        size_t n = part_of(what, size);                                                      \
        ssize_t result = CALL;                                                               \
        int saved = errno;                                                                   \
        if (ours && result >= 0 && log_descriptor >= 0) say("write", whole, "", next());     \
        after(what);                                                                         \
        errno = saved;                                                                       \
        return result;                                                                       \
    } while (0)

ssize_t write(int descriptor, const void *from, size_t size) { DO_WRITE(REAL(write)(descriptor, from, n)); }
ssize_t pwrite(int descriptor, const void *from, size_t size, off_t at) { DO_WRITE(REAL(pwrite)(descriptor, from, n, at)); }
ssize_t pwrite64(int descriptor, const void *from, size_t size, off64_t at) {
    DO_WRITE(REAL(pwrite64)(descriptor, from, n, at));
}
ssize_t writev(int descriptor, const struct iovec *parts, int n_parts) {
    size_t size = 0;
    DO_WRITE(((void)n, REAL(writev)(descriptor, parts, n_parts)));
}
ssize_t pwritev(int descriptor, const struct iovec *parts, int n_parts, off_t at) {
    size_t size = 0;
    DO_WRITE(((void)n, REAL(pwritev)(descriptor, parts, n_parts, at)));
}
ssize_t sendfile(int descriptor, int from, off_t *at, size_t size) { DO_WRITE(REAL(sendfile)(descriptor, from, at, n)); }
ssize_t sendfile64(int descriptor, int from, off64_t *at, size_t size) {
    DO_WRITE(REAL(sendfile64)(descriptor, from, at, n));
}
ssize_t copy_file_range(int from, off64_t *from_at, int descriptor, off64_t *at, size_t size, unsigned flags) {
    DO_WRITE(REAL(copy_file_range)(from, from_at, descriptor, at, n, flags));
}

ssize_t read(int d, void *to, size_t size) { DO(is_ours_open(d, whole), READ, ssize_t, REAL(read)(d, to, size), (void)0); }
ssize_t pread(int d, void *to, size_t size, off_t at) {
    DO(is_ours_open(d, whole), READ, ssize_t, REAL(pread)(d, to, size, at), (void)0);
}
ssize_t pread64(int d, void *to, size_t size, off64_t at) {
    DO(is_ours_open(d, whole), READ, ssize_t, REAL(pread64)(d, to, size, at), (void)0);
}

int fsync(int d) {
    DO(is_ours_open(d, whole), SYNC, int, REAL(fsync)(d), (keep(d, number), say("sync", whole, "", number)));
}
int fdatasync(int d) {
    DO(is_ours_open(d, whole), SYNC, int, REAL(fdatasync)(d), (keep(d, number), say("sync", whole, "", number)));
}

int ftruncate(int d, off_t size) {
    DO(is_ours_open(d, whole), TRUNCATE, int, REAL(ftruncate)(d, size), say("write", whole, "", number));
}
int ftruncate64(int d, off64_t size) {
    DO(is_ours_open(d, whole), TRUNCATE, int, REAL(ftruncate64)(d, size), say("write", whole, "", number));
}
int truncate(const char *path, off_t size) {
    DO(is_ours(path, whole), TRUNCATE, int, REAL(truncate)(path, size), say("write", whole, "", number));
}

int mkdir(const char *path, mode_t mode) {
    DO(is_ours(path, whole), MKDIR, int, REAL(mkdir)(path, mode), say("mkdir", whole, "", number));
}
int mkdirat(int at, const char *path, mode_t mode) {
    DO(is_ours_at(at, path, whole), MKDIR, int, REAL(mkdirat)(at, path, mode), say("mkdir", whole, "", number));
}
int unlink(const char *path) {
    DO(is_ours(path, whole), REMOVE, int, REAL(unlink)(path), say("remove", whole, "", number));
}
int unlinkat(int at, const char *path, int flags) {
    DO(is_ours_at(at, path, whole), REMOVE, int, REAL(unlinkat)(at, path, flags), say("remove", whole, "", number));
}
int rmdir(const char *path) {
    DO(is_ours(path, whole), REMOVE, int, REAL(rmdir)(path), say("remove", whole, "", number));
}

#define DO_RENAME(CALL)                                                                      \
    do {                                                                                     \
        char other[PATH_MAX];                                                                \
        is_ours_at(new_at, new_path, other);                                                 \
        DO(is_ours_at(old_at, old_path, whole), RENAME, int, CALL, say("rename", whole, other, number)); \
    } while (0)
int rename(const char *old_path, const char *new_path) {
    int old_at = AT_FDCWD, new_at = AT_FDCWD;
    DO_RENAME(REAL(rename)(old_path, new_path));
}
int renameat(int old_at, const char *old_path, int new_at, const char *new_path) {
    DO_RENAME(REAL(renameat)(old_at, old_path, new_at, new_path));
}
int renameat2(int old_at, const char *old_path, int new_at, const char *new_path, unsigned flags) {
    DO_RENAME(REAL(renameat2)(old_at, old_path, new_at, new_path, flags));
}

/* Opening counts where it may change something. */
#define DO_OPEN(AT, CALL)                                                                    \
    do {                                                                                     \
        mode_t mode = 0;                                                                     \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                 \
            va_list more;                                                                    \
            va_start(more, flags);                                                           \
            mode = va_arg(more, mode_t);                                                     \
            va_end(more);                                                                    \
        }                                                                                    \
        if (!(flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))) return CALL;                 \
        DO(is_ours_at(AT, path, whole), OPEN, int, CALL,                                     \
           say(flags & O_TRUNC ? "write" : "open", whole, "", number));                      \
    } while (0)
int open(const char *path, int flags, ...) { DO_OPEN(AT_FDCWD, REAL(open)(path, flags, mode)); }
int open64(const char *path, int flags, ...) { DO_OPEN(AT_FDCWD, REAL(open64)(path, flags, mode)); }
int openat(int at, const char *path, int flags, ...) { DO_OPEN(at, REAL(openat)(at, path, flags, mode)); }
int openat64(int at, const char *path, int flags, ...) { DO_OPEN(at, REAL(openat64)(at, path, flags, mode)); }
int creat(const char *path, mode_t mode) {
    DO(is_ours(path, whole), OPEN, int, REAL(creat)(path, mode), say("write", whole, "", number));
}
int posix_fallocate(int d, off_t at, off_t size) {
    char whole[PATH_MAX];
    if (is_ours_open(d, whole) && count(TRUNCATE) == FAIL) return control->error;
    return REAL(posix_fallocate)(d, at, size);
}

const char *faults_kind(int kind) { return kind >= 0 && kind < N_KINDS ? NAMES[kind] : ""; }
