/* The fake engine as a program, to look at the console by hand: fake SOCKET WORLD. */
#include <unistd.h>

#include "fake.h"

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    fake_start(argv[1], argv[2]);
    for (;;)
        pause();
}
