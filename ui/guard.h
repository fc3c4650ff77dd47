/* Stands by the console, in a process of its own, so that the terminal is usable again whatever the
 * console ends of: what no handler can catch (SIGKILL) the guard sees as its parent. When the guard
 * is killed instead, the console is told (SIGTERM) and gives the terminal back itself. */
#pragma once

/* Runs `run` in a child and waits for it, stopping and going on with it; signals that are sent to the
 * guard are handed on. Gives run's exit code, 128 + 9 when the child was killed; any other signal that
 * ended the child ends the guard too. */
int guard_run(int (*run)(const void *ctx), const void *ctx);
