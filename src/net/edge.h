/* What connections and listeners of one loop share: the read buffer, and the timers behind their
 * deadlines. For the files of net/ alone. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct uv_loop_s;
struct conn;
struct timers;

enum { EDGE_READ = 64 << 10 };

struct edge {
    struct uv_loop_s *loop;
    struct timers *timers;
    uint8_t *read;     // EDGE_READ bytes, used by one read at a time
    size_t users;      // connections and listeners
    struct edge *next; // of this thread
};

/* The loop's edge, made for its first user. A loop belongs to one thread, so does its edge. */
struct edge *edge_of(struct uv_loop_s *loop);
/* A user has gone; the last one takes the edge with it. */
void edge_leave(struct edge *e);

/* A connection just accepted: nobody's yet, not read from. Takes the descriptor. */
struct conn *conn_accepted(struct uv_loop_s *loop, int fd, const struct sockaddr_storage *peer);
