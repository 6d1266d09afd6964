#include "server/version.h"

namespace kalam::server {

const char* BuildDate() { return KALAM_BUILD_DATE; }

}  // namespace kalam::server
