/* Giving up root: the engine binds its ports and reads its files, then becomes somebody who may do
 * little. Linux only. Called once, before any thread exists. */
#pragma once
#include <stdbool.h>

/* Makes the state directory (0700) when it is missing; started as root, it becomes the user's. 0, or
 * 1 with *why (owned), which names the path. */
int privileges_make_state(const char *dir, const char *user, char **why);
/* The same for the control socket's folder (0755), owned like the state. */
int privileges_make_folder(const char *dir, const char *state, const char *user, char **why);

/* Becomes `user` ("": the owner of `dir`; root there: root stays, without its powers), keeping no
 * capability but to bind ports; without root nothing changes. Then no new privileges, no core dumps.
 * 0, or 1 with *why (owned). */
int privileges_drop(const char *dir, const char *user, char **why);

/* As many descriptors as the hard limit allows; gives how many. */
unsigned long privileges_raise_files(void);
