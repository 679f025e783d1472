// Android's C library on a Linux desktop, for tests: x86_64 only.
//
// The library for Android x86_64 asks for libc.so, libm.so, libdl.so, liblog.so and libandroid.so, and for symbols with bionic's
// versions. This file becomes those five (`cargo xtask android host-test` compiles it once for each, with a list of the imports).
// On x86_64 both systems call functions alike, and most structures agree, so nearly every symbol is a jump to glibc's. Written
// out is what differs or what glibc lacks.
//
// Not for signal handlers, child processes, terminals or address look-ups: their structures differ.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A symbol of bionic that is one of glibc.
#define FORWARD(name, version) \
    __asm__(".globl bionic_" #name "\n.type bionic_" #name ",@function\nbionic_" #name ": jmp " #name "@PLT\n" \
            ".symver bionic_" #name "," #name "@" #version "\n");
// A symbol of bionic that is written out below.
#define OWN(name, version) __asm__(".symver bionic_" #name "," #name "@" #version);

#ifdef SHIM_LIBC
int *bionic___errno(void) { return __errno_location(); }

void bionic___assert2(const char *file, int line, const char *function, const char *what) {
    fprintf(stderr, "%s:%d: %s: assertion \"%s\" failed\n", file, line, function, what);
    abort();
}

void bionic_android_set_abort_message(const char *message) { fprintf(stderr, "%s\n", message); }

// No property is set.
int bionic___system_property_get(const char *name, char *value) {
    (void)name;
    *value = 0;
    return 0;
}

const void *bionic___system_property_find(const char *name) {
    (void)name;
    return NULL;
}

// glibc's function of this name may leave the buffer alone; this one, which has no header, is POSIX's.
int __xpg_strerror_r(int error, char *buffer, size_t bytes);
int bionic_strerror_r(int error, char *buffer, size_t bytes) { return __xpg_strerror_r(error, buffer, bytes); }

// The numbers of <bits/sysconf.h> are the systems' own.
long bionic_sysconf(int name) {
    switch (name) {
    case 0x00: return sysconf(_SC_ARG_MAX);
    case 0x06: return sysconf(_SC_CLK_TCK);
    case 0x0b: return sysconf(_SC_OPEN_MAX);
    case 0x26: return sysconf(_SC_IOV_MAX);
    case 0x27:
    case 0x28: return sysconf(_SC_PAGESIZE);
    case 0x48: return sysconf(_SC_GETPW_R_SIZE_MAX);
    case 0x60: return sysconf(_SC_NPROCESSORS_CONF);
    case 0x61: return sysconf(_SC_NPROCESSORS_ONLN);
    case 0x62: return sysconf(_SC_PHYS_PAGES);
    case 0x63: return sysconf(_SC_AVPHYS_PAGES);
    default: errno = EINVAL; return -1;
    }
}

// Variables, as they are when the library is loaded.
FILE *bionic_stdin, *bionic_stdout, *bionic_stderr;
char **bionic_environ;

__attribute__((constructor)) static void variables(void) {
    bionic_stdin = stdin, bionic_stdout = stdout, bionic_stderr = stderr;
    bionic_environ = environ;
}
#endif

#ifdef SHIM_LIBDL
// Desktops keep the number of the interface in the name.
void *bionic_dlopen(const char *name, int flags) {
    return dlopen(name && !strcmp(name, "libvulkan.so") ? "libvulkan.so.1" : name, flags);
}
#endif

#ifdef SHIM_LIBLOG
int bionic___android_log_write(int priority, const char *tag, const char *text) {
    return fprintf(stderr, "%c/%s: %s\n", priority < 0 || priority > 8 ? '?' : "??VDIWEFS"[priority], tag ? tag : "", text);
}
#endif

#ifdef SHIM_LIBANDROID
// There is no window.
int bionic_ANativeWindow_setBuffersGeometry(void *window, int width, int height, int format) {
    (void)window, (void)width, (void)height, (void)format;
    return -1;
}
#endif

#include SYMBOLS
