/* Stands before the C library: while the file that FAILS names is there, a disk confirms nothing. */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(void) {
    const char *flag = getenv("FAILS");
    return flag != NULL && access(flag, F_OK) == 0;
}

int fsync(int file) {
    if (!fails()) return (int)syscall(SYS_fsync, file);
    errno = EIO;
    return -1;
}

int fdatasync(int file) {
    if (!fails()) return (int)syscall(SYS_fdatasync, file);
    errno = EIO;
    return -1;
}
