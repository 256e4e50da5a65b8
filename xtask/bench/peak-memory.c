/*
 * Runs one command and writes, as one line to the file named first, what it cost: peak resident set in KiB, user
 * and system time in microseconds, and the exit status (or 128 plus the signal).
 *
 * Why not from xtask itself: the kernel counts the resident set of the forking process into the child's peak, and
 * xtask is larger than what it measures. This program is smaller than any of them.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long microseconds(struct timeval time)
{
    return time.tv_sec * 1000000L + time.tv_usec;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    FILE *report;
    pid_t child;

    if (argc < 3)
        return 64;
    child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child)
        return 70;
    status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    report = fopen(argv[1], "we");
    if (!report)
        return 73;
    fprintf(report, "%ld %ld %ld %d\n", usage.ru_maxrss, microseconds(usage.ru_utime),
            microseconds(usage.ru_stime), status);
    return fclose(report) ? 73 : 0;
}
