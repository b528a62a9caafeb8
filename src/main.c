/* argv to exit code; all else is the Lua host's. */
#include "lua/host.h"

int main(int argc, char **argv) {
    return host_main(argc, argv);
}
