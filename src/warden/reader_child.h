/* What runs in the reader's processes (warden/reader.h): the template, which stays clean, and the workers
 * that it forks, which are shut in and read one mail after the other. */
#pragma once

enum {
    READER_FD = 3,              // a process's only descriptor: the socket to the engine
    READER_CPU_SECONDS = 2,     // of one mail
    READER_LIFE_SECONDS = 120,  // of CPU in a worker's life
    READER_MEMORY = 256 << 20,  // bytes of data
    READER_ADDRESSES = 1 << 30, // bytes of address space, with libraries and their tables
};

/* Never returns: ends with the socket. Begins with an empty frame to the engine, once all that needs a
 * file is open; or with what is wrong, in words. */
_Noreturn void reader_template(int fd);
