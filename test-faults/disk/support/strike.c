/*
 * Stands between node and the C library (LD_PRELOAD): counts the calls on files below one folder, writes them into a
 * log, and has one of them fail, fall short, or be the last thing that its process does.
 *
 * It is told what to do by opening names below "/.strike/" (see support/strike.ts):
 *   /.strike/watch:<log>:<folder>                         count from nothing, in this folder
 *   /.strike/arm:<operation>:<kind>:<occurrence>:<fault>  strike that call
 *   /.strike/disarm                                       let all calls pass again
 *
 * A call is known by its operation, by the kind of file it is about, and by how often there was such a call before.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define CONTROL "/.strike/"
#define MAX_FILES 65536
#define MAX_COUNTERS 256

typedef enum { NONE, FOLDER, CONTENT, RECORD, LOCK, GUARD, TEMPORARY, WISH } Kind;
static const char *const KINDS[] = {"", "folder", "content", "record", "lock", "guard", "temporary", "wish"};

typedef enum { PASS, FAIL, FAIL_LATE, SHORTEN, TEAR, DIE_LATE } Verdict;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_length;
static int log_file = -1;
static unsigned char kind_of_file[MAX_FILES];
static struct { char name[40]; int count; } counters[MAX_COUNTERS];
static int counted;

/* What is to be struck; `lasting` holds the error with which all calls fail after the struck one. */
static char target[80], fault[24];
static int is_armed, lasting, lasting_space_only;

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* A call of the system itself, past all that is defined below. */
static long raw(long number, long a, long b, long c, long d, long e, long f) {
  REAL(long, "syscall", long, ...);
  return real(number, a, b, c, d, e, f);
}

static int ends_with(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && strcmp(text + a - b, end) == 0;
}

static Kind kind_of_path(const char *path) {
  if (!folder_length || strncmp(path, folder, folder_length) != 0) return NONE;
  const char *name = path + folder_length;
  if (*name == 0 || strcmp(name, "/") == 0) return FOLDER;
  if (*name != '/') return NONE;
  if (ends_with(name, ".tmp")) return TEMPORARY;
  if (ends_with(name, ".info")) return RECORD;
  if (ends_with(name, ".yield")) return WISH;
  if (ends_with(name, ".lock")) return LOCK;
  if (strstr(name, ".lock.")) return GUARD;
  return CONTENT;
}

static Kind kind_of(int file) { return file >= 0 && file < MAX_FILES ? (Kind)kind_of_file[file] : NONE; }

static int takes_space(const char *operation) {
  return !strcmp(operation, "create") || !strcmp(operation, "write") || !strcmp(operation, "mkdir");
}

static void say(const char *line) {
  size_t length = strlen(line);
  if (log_file >= 0 && raw(SYS_write, log_file, (long)line, (long)length, 0, 0, 0) != (long)length) abort();
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* Counts the call and says what becomes of it; `error` is set where it fails. Also the place where a process stops. */
static Verdict judge(const char *operation, Kind kind, size_t bytes, int *error) {
  if (kind == NONE) return PASS;
  Verdict verdict = PASS;
  pthread_mutex_lock(&mutex);
  char name[40], line[120];
  snprintf(name, sizeof name, "%s:%s", operation, KINDS[kind]);
  int at = 0;
  while (at < counted && strcmp(counters[at].name, name) != 0) at += 1;
  if (at == MAX_COUNTERS) abort();
  if (at == counted) { strcpy(counters[at].name, name); counters[at].count = 0; counted += 1; }
  counters[at].count += 1;
  snprintf(line, sizeof line, "%s:%d %zu\n", name, counters[at].count, bytes);
  say(line);
  snprintf(line, sizeof line, "%s:%d", name, counters[at].count);
  if (lasting && (!lasting_space_only || takes_space(operation))) {
    *error = lasting;
    verdict = FAIL;
  } else if (is_armed && strcmp(line, target) == 0) {
    is_armed = 0;
    say("struck\n");
    if (!strcmp(fault, "kill-before")) die();
    else if (!strcmp(fault, "stop")) raise(SIGSTOP);
    else if (!strcmp(fault, "kill-after")) verdict = DIE_LATE;
    else if (!strcmp(fault, "torn")) verdict = TEAR;
    else if (!strcmp(fault, "short")) verdict = SHORTEN;
    else if (!strcmp(fault, "EIO")) { *error = EIO; verdict = FAIL; }
    else if (!strcmp(fault, "ENOSPC")) { *error = ENOSPC; verdict = FAIL; }
    else if (!strcmp(fault, "EIO-done")) { *error = EIO; verdict = FAIL_LATE; }
    else if (!strcmp(fault, "EIO-stays")) { *error = lasting = EIO; lasting_space_only = 0; verdict = FAIL; }
    else if (!strcmp(fault, "full")) { *error = lasting = ENOSPC; lasting_space_only = 1; verdict = bytes > 1 ? SHORTEN : FAIL; }
    else abort();
  }
  pthread_mutex_unlock(&mutex);
  return verdict;
}

/* Does a call that has no count of bytes. */
#define CARRY_OUT(operation, kind, call) \
  do { \
    int error = 0; \
    Verdict verdict = judge(operation, kind, 0, &error); \
    if (verdict == FAIL) { errno = error; return -1; } \
    long result = (call); \
    if (verdict == DIE_LATE) die(); \
    if (verdict == FAIL_LATE) { errno = error; return -1; } \
    return result; \
  } while (0)

static void obey(const char *command) {
  pthread_mutex_lock(&mutex);
  is_armed = lasting = 0;
  if (!strncmp(command, "watch:", 6)) {
    char log[PATH_MAX];
    if (sscanf(command, "watch:%[^:]:%s", log, folder) != 2) abort();
    folder_length = strlen(folder);
    counted = 0;
    if (log_file >= 0) raw(SYS_close, log_file, 0, 0, 0, 0, 0);
    log_file = (int)raw(SYS_openat, AT_FDCWD, (long)log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666, 0, 0);
    if (log_file < 0) abort();
  } else if (!strncmp(command, "arm:", 4)) {
    const char *last = strrchr(command, ':');
    snprintf(target, sizeof target, "%.*s", (int)(last - command - 4), command + 4);
    snprintf(fault, sizeof fault, "%s", last + 1);
    is_armed = 1;
  } else if (strcmp(command, "disarm") != 0) abort();
  pthread_mutex_unlock(&mutex);
}

static int opened(const char *path, int flags, mode_t mode, int (*real)(const char *, int, ...)) {
  if (!strncmp(path, CONTROL, sizeof CONTROL - 1)) {
    obey(path + sizeof CONTROL - 1);
    errno = ENOENT;
    return -1;
  }
  Kind kind = kind_of_path(path);
  if (kind == CONTENT && (flags & O_DIRECTORY)) kind = FOLDER;
  int error = 0;
  Verdict verdict = judge(flags & O_CREAT ? "create" : "open", kind, 0, &error);
  if (verdict == FAIL) { errno = error; return -1; }
  int file = real(path, flags, mode);
  if (verdict == DIE_LATE) die();
  if (verdict == FAIL_LATE) {
    if (file >= 0) raw(SYS_close, file, 0, 0, 0, 0, 0);
    errno = error;
    return -1;
  }
  if (file >= 0 && file < MAX_FILES) kind_of_file[file] = kind;
  return file;
}

#define DEFINE_OPEN(name) \
  int name(const char *path, int flags, ...) { \
    va_list list; \
    va_start(list, flags); \
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0; \
    va_end(list); \
    REAL(int, #name, const char *, int, ...); \
    return opened(path, flags, mode, real); \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

int close(int file) {
  Kind kind = kind_of(file);
  if (kind == NONE) return (int)raw(SYS_close, file, 0, 0, 0, 0, 0);
  int error = 0;
  Verdict verdict = judge("close", kind, 0, &error);
  kind_of_file[file] = NONE;
  int result = (int)raw(SYS_close, file, 0, 0, 0, 0, 0);
  if (verdict == DIE_LATE) die();
  /* The file is closed all the same: so it is on Linux. */
  if (verdict == FAIL || verdict == FAIL_LATE) { errno = error; return -1; }
  return result;
}

#define DEFINE_READ(name, parameters, types, arguments) \
  ssize_t name parameters { \
    REAL(ssize_t, #name, types); \
    CARRY_OUT("read", kind_of(file), real arguments); \
  }
#define TYPES(...) __VA_ARGS__
DEFINE_READ(read, (int file, void *to, size_t size), TYPES(int, void *, size_t), (file, to, size))
DEFINE_READ(pread64, (int file, void *to, size_t size, off64_t at), TYPES(int, void *, size_t, off64_t), (file, to, size, at))
DEFINE_READ(readv, (int file, const struct iovec *to, int count), TYPES(int, const struct iovec *, int), (file, to, count))
DEFINE_READ(preadv64, (int file, const struct iovec *to, int count, off64_t at), TYPES(int, const struct iovec *, int, off64_t), (file, to, count, at))

/* All writes become one: of these pieces, at this place (or, if it is negative, where the file stands). */
static ssize_t written(int file, const struct iovec *pieces, int count, off64_t at) {
  Kind kind = kind_of(file);
  size_t size = 0;
  for (int index = 0; index < count; index += 1) size += pieces[index].iov_len;
  int error = 0;
  Verdict verdict = judge("write", kind, size, &error);
  if (verdict == FAIL) { errno = error; return -1; }
  struct iovec some[1024];
  if (verdict == SHORTEN || verdict == TEAR) {
    if (count > 1024) abort();
    size_t left = size / 2;
    int used = 0;
    for (; used < count && left > 0; used += 1) {
      some[used] = pieces[used];
      if (some[used].iov_len > left) some[used].iov_len = left;
      left -= some[used].iov_len;
    }
    pieces = some;
    count = used;
  }
  ssize_t result = at < 0 ? raw(SYS_writev, file, (long)pieces, count, 0, 0, 0)
                          : raw(SYS_pwritev, file, (long)pieces, count, (long)at, 0, 0);
  if (verdict == TEAR || verdict == DIE_LATE) die();
  if (verdict == FAIL_LATE) { errno = error; return -1; }
  return result;
}

ssize_t write(int file, const void *from, size_t size) {
  if (kind_of(file) == NONE) return raw(SYS_write, file, (long)from, (long)size, 0, 0, 0);
  struct iovec one = {(void *)from, size};
  return written(file, &one, 1, -1);
}
ssize_t pwrite64(int file, const void *from, size_t size, off64_t at) {
  struct iovec one = {(void *)from, size};
  return written(file, &one, 1, at);
}
ssize_t writev(int file, const struct iovec *pieces, int count) {
  if (kind_of(file) == NONE) return raw(SYS_writev, file, (long)pieces, count, 0, 0, 0);
  return written(file, pieces, count, -1);
}
ssize_t pwritev64(int file, const struct iovec *pieces, int count, off64_t at) { return written(file, pieces, count, at); }

int fsync(int file) {
  REAL(int, "fsync", int);
  CARRY_OUT("fsync", kind_of(file), real(file));
}
int fdatasync(int file) {
  REAL(int, "fdatasync", int);
  CARRY_OUT("fdatasync", kind_of(file), real(file));
}
int ftruncate64(int file, off64_t size) {
  REAL(int, "ftruncate64", int, off64_t);
  CARRY_OUT("truncate", kind_of(file), real(file, size));
}
/* Named by what is replaced. */
int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  CARRY_OUT("rename", kind_of_path(to), real(from, to));
}
int link(const char *from, const char *to) {
  REAL(int, "link", const char *, const char *);
  CARRY_OUT("link", kind_of_path(to), real(from, to));
}
int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  CARRY_OUT("unlink", kind_of_path(path), real(path));
}
int rmdir(const char *path) {
  REAL(int, "rmdir", const char *);
  CARRY_OUT("rmdir", kind_of_path(path), real(path));
}
int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  CARRY_OUT("mkdir", kind_of_path(path), real(path, mode));
}

static Kind kind_of_stat(int file, const char *path) {
  return path && *path ? kind_of_path(path) : kind_of(file);
}
int statx(int file, const char *path, int flags, unsigned mask, struct statx *to) {
  CARRY_OUT("stat", kind_of_stat(file, path), raw(SYS_statx, file, (long)path, flags, mask, (long)to, 0));
}
/* libuv calls these two by number. */
long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
  long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
  va_end(list);
  if (number == SYS_close) return close((int)a);
  if (number != SYS_statx) return raw(number, a, b, c, d, e, f);
  CARRY_OUT("stat", kind_of_stat((int)a, (const char *)b), raw(number, a, b, c, d, e, f));
}
