/* A libunbound context as the options want it. For the files of net/ alone. */
#pragma once

struct dns_options;
struct ub_ctx;

/* Runs its work in a thread of its own. NULL with *why (owned) when an option is wrong. Free with
 * ub_ctx_delete(). */
struct ub_ctx *dns_resolver_new(const struct dns_options *options, char **why);
