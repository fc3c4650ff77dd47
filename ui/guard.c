#include "ui/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

// What the console switched on, off again, in the words all terminals of today share (ECMA-48, xterm).
static const char give_back[] = "\030\033[?2004l\033[0m\033[?25h\033[?1l\033>\033[?1049l\r";

static const int handed_on[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGSEGV,
                                SIGBUS,  SIGFPE, SIGILL, SIGABRT, SIGTSTP};

struct guard {
    pid_t child;
    bool has_termios;
    struct termios termios;
    sigset_t watched;
};

static void restore_terminal(const struct guard *g)
{
    if (!g->has_termios)
        return;
    ssize_t n = write(STDOUT_FILENO, give_back, strlen(give_back));
    (void)n; // a terminal that is gone needs nothing back
    tcsetattr(STDIN_FILENO, TCSANOW, &g->termios);
}

// Ends as the child did.
static int follow(const struct guard *g, int number)
{
    if (number == SIGKILL) {
        restore_terminal(g);
        fprintf(stderr, "mxwarden: the console was killed\n");
        return 128 + SIGKILL;
    }
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
    sigprocmask(SIG_UNBLOCK, &one, NULL); // here it ends
    return 128 + number;
}

// True when the child is over; *code is then the guard's.
static bool is_over(const struct guard *g, int *code)
{
    int status;
    while (waitpid(g->child, &status, WNOHANG | WUNTRACED) == g->child) {
        if (WIFSTOPPED(status)) {
            (void)raise(SIGSTOP); // the shell waits for us, not for the child
            kill(g->child, SIGCONT);
            continue;
        }
        *code = WIFEXITED(status) ? WEXITSTATUS(status) : follow(g, WTERMSIG(status));
        return true;
    }
    return false;
}

static int stand_by(const struct guard *g)
{
    int code = 1;
    while (!is_over(g, &code)) {
        siginfo_t info;
        int number = sigwaitinfo(&g->watched, &info);
        // Ctrl-Z reaches the child too: handed on late, it would stop it again after it went on.
        bool has_it = number == SIGTSTP && info.si_code == SI_KERNEL;
        if (number > 0 && number != SIGCHLD && !has_it)
            kill(g->child, number);
    }
    return code;
}

int guard_run(int (*run)(const void *ctx), const void *ctx)
{
    struct guard g = {.has_termios = tcgetattr(STDIN_FILENO, &g.termios) == 0};
    sigset_t before;
    pid_t parent = getpid();
    sigemptyset(&g.watched);
    sigaddset(&g.watched, SIGCHLD);
    for (size_t i = 0; i < ARRAY_LEN(handed_on); i++)
        sigaddset(&g.watched, handed_on[i]);
    sigprocmask(SIG_BLOCK, &g.watched, &before);
    fflush(NULL);
    g.child = fork();
    if (g.child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        exit(getppid() == parent ? run(ctx) : 1);
    }
    int code = g.child > 0 ? stand_by(&g) : run(ctx); // without a process to spare: unguarded
    sigprocmask(SIG_SETMASK, &before, NULL);
    return code;
}
