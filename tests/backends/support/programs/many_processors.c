/* LD_PRELOAD: reports 64 processors, independent of the real number. With the name of a file in
   CPU_MAX, that file has the quota of the control group. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define CORES 64

static int all(size_t size, cpu_set_t *set) {
    memset(set, 0, size);
    for (int i = 0; i < CORES; i++) CPU_SET_S(i, size, set);
    return 0;
}

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set) { return all(size, set); }
int pthread_getaffinity_np(pthread_t thread, size_t size, cpu_set_t *set) { return all(size, set); }
int get_nprocs(void) { return CORES; }
int get_nprocs_conf(void) { return CORES; }

long sysconf(int name) {
    if (name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF) return CORES;
    static long (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "sysconf");
    return real(name);
}

int open64(const char *path, int flags, ...) {
    static int (*real)(const char *, int, ...);
    if (!real) real = dlsym(RTLD_NEXT, "open64");
    va_list list;
    va_start(list, flags);
    int mode = va_arg(list, int);
    va_end(list);
    const char *quota = getenv("CPU_MAX");
    return real(quota && !strcmp(path, "/sys/fs/cgroup/cpu.max") ? quota : path, flags, mode);
}
