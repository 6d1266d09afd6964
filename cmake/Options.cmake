# Flags of our own code: interface target app_options. Everything that must be equal in every object of
# one build (sanitizers, debug level, standard library checks) is set for the whole directory tree.

# Optimized, but with asserts: no NDEBUG. -g1 keeps stack traces readable and object files small.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g -fno-omit-frame-pointer")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O1 -g -fno-omit-frame-pointer")

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_compile_definitions(_GLIBCXX_ASSERTIONS)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

add_library(app_options INTERFACE)
add_library(app::options ALIAS app_options)
target_compile_options(app_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Wimplicit-fallthrough
  -Wno-missing-field-initializers  # {.a = 1} leaves the rest to its default member initializers
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  # g++ 12 reports these inside inlined library code (std::string, std::variant) without a fault of ours.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow
                           -Wno-stringop-overread -Wno-array-bounds -Wno-dangling-pointer>)
if(APP_WERROR)
  target_compile_options(app_options INTERFACE -Werror)
endif()
target_link_libraries(app_options INTERFACE Threads::Threads)

# Static objects with constructors make start-up order matter; tests may have them, the product may not.
add_library(app_strict INTERFACE)
target_compile_options(app_strict INTERFACE $<$<CXX_COMPILER_ID:Clang>:-Wglobal-constructors>)

if(APP_HARDENING)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    add_compile_options(-fcf-protection)
  endif()
  add_link_options(-Wl,-z,relro -Wl,-z,now)
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES CXX)
endif()

# No path of the build machine in what ships (__FILE__, debug information); debuggers start at the root.
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
endif()

if(APP_LTO)
  include(CheckIPOSupported)
  check_ipo_supported(LANGUAGES CXX)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

if(APP_SANITIZE)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "APP_SANITIZE is used with clang (presets asan, tsan, fuzz)")
  endif()
  string(REPLACE ";" "," sanitizers "${APP_SANITIZE}")
  add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${sanitizers})
  # Shared libraries would otherwise take our instrumented copies of inline functions (std::string,
  # std::mutex) for their own, and report what they do with them.
  add_link_options(-Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/sanitizer.map)
  if("undefined" IN_LIST APP_SANITIZE)
    # libduckdb exports no type information for its classes, so this check cannot see through them.
    add_compile_options(-fno-sanitize=vptr,function)
  endif()
endif()

if(APP_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "APP_FUZZ needs clang (preset fuzz)")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(APP_CCACHE ccache)
if(APP_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${APP_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${APP_CCACHE})
endif()

find_program(APP_MOLD mold)
if(APP_MOLD AND NOT APP_LTO)
  add_link_options(-fuse-ld=mold)
endif()
