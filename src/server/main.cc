#include "server/run.h"

int main(int argc, char** argv) { return kalam::server::RunServer(argc, argv, nullptr); }
