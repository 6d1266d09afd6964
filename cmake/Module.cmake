# One function per kind of target. Sources are listed by hand: a new file is a line in a review.
include(GoogleTest)

# Environment of every C++ test. The prebuilt libraries are not instrumented: container checks would report
# their vectors and strings, and ThreadSanitizer their locks (reasons are in the suppression file).
find_program(APP_SYMBOLIZER NAMES llvm-symbolizer-19 llvm-symbolizer)
set(APP_TEST_ENV
  "LLVM_SYMBOLIZER_PATH=${APP_SYMBOLIZER}" "ASAN_SYMBOLIZER_PATH=${APP_SYMBOLIZER}"
  "ASAN_OPTIONS=detect_container_overflow=0:detect_odr_violation=0:strict_string_checks=1"
  "UBSAN_OPTIONS=print_stacktrace=1"
  "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp:halt_on_error=1:second_deadlock_stack=1:external_symbolizer_path=${APP_SYMBOLIZER}"
  "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/lsan.supp:print_suppressions=0")

# app_timeout(seconds 60): sets `seconds` to how long a test may take that takes at most 60 s without sanitizers.
function(app_timeout out seconds)
  if(APP_SANITIZE)
    math(EXPR seconds "${seconds} * 5")
  endif()
  set(${out} ${seconds} PARENT_SCOPE)
endfunction()

# app_module(hot SOURCES a.cc HEADERS a.h TESTS a_test.cc DEPS app::model RocksDB::rocksdb-shared
#            [TEST_DEPS app::testing] [TEST_TIMEOUT 60])
# Makes the static library app_hot (alias app::hot) with include root src/, and the test binary hot_test
# (ctest label "unit", one ctest entry).
function(app_module name)
  cmake_parse_arguments(A "" "TEST_TIMEOUT" "SOURCES;HEADERS;TESTS;DEPS;PRIVATE_DEPS;TEST_DEPS" ${ARGN})
  if(A_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "app_module(${name}): unknown arguments ${A_UNPARSED_ARGUMENTS}")
  endif()
  if(A_SOURCES)
    add_library(app_${name} STATIC)
    target_sources(app_${name} PRIVATE ${A_SOURCES})
    target_link_libraries(app_${name} PUBLIC ${A_DEPS}
      PRIVATE ${A_PRIVATE_DEPS} $<BUILD_INTERFACE:app_options> $<BUILD_INTERFACE:app_strict>)
    set(scope PUBLIC)
  else()
    add_library(app_${name} INTERFACE)
    target_link_libraries(app_${name} INTERFACE ${A_DEPS})
    set(scope INTERFACE)
  endif()
  add_library(app::${name} ALIAS app_${name})
  target_sources(app_${name} ${scope}
    FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${A_HEADERS})
  target_include_directories(app_${name} ${scope} ${PROJECT_SOURCE_DIR}/src)
  if(A_TESTS)
    app_test(${name}_test SOURCES ${A_TESTS} DEPS app::${name} ${A_TEST_DEPS} TIMEOUT ${A_TEST_TIMEOUT})
  endif()
endfunction()

# app_test(name SOURCES .. DEPS .. [LABEL unit] [TIMEOUT 60]): one gtest binary, one ctest entry.
function(app_test name)
  cmake_parse_arguments(A "" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT A_LABEL)
    set(A_LABEL unit)
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 60)
  endif()
  app_timeout(A_TIMEOUT ${A_TIMEOUT})
  add_executable(${name})
  target_sources(${name} PRIVATE ${A_SOURCES})
  target_link_libraries(${name} PRIVATE ${A_DEPS} app_options GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES LABELS ${A_LABEL} TIMEOUT ${A_TIMEOUT} ENVIRONMENT "${APP_TEST_ENV}")
endfunction()

# app_binary(kalamdb-server SOURCES main.cc DEPS app::server): an executable in build/<preset>/bin.
function(app_binary name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name})
  target_sources(${name} PRIVATE ${A_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${name} PRIVATE ${A_DEPS} app_options)
  install(TARGETS ${name})
endfunction()

# app_bench(kalam-bench SOURCES .. DEPS ..): Google Benchmark binary; ctest (label "bench") runs each
# benchmark for a moment, so that they keep compiling and running.
function(app_bench name)
  cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 120)
  endif()
  app_timeout(A_TIMEOUT ${A_TIMEOUT})
  add_executable(${name})
  target_sources(${name} PRIVATE ${A_SOURCES})
  target_link_libraries(${name} PRIVATE ${A_DEPS} app_options benchmark::benchmark_main)
  add_test(NAME ${name} COMMAND ${name} --benchmark_min_time=0.001)
  set_tests_properties(${name} PROPERTIES LABELS bench TIMEOUT ${A_TIMEOUT} ENVIRONMENT "${APP_TEST_ENV}")
endfunction()

# app_fuzz(sql_parse SOURCES sql_parse.cc DEPS app::sql): target fuzz_sql_parse. The source defines
# LLVMFuzzerTestOneInput. Without APP_FUZZ a small main replays fuzz/corpus/sql_parse (ctest label "fuzz");
# with it libFuzzer drives: the test starts from the corpus and runs for APP_FUZZ_SECONDS.
set(APP_FUZZ_SECONDS 20 CACHE STRING "Seconds each fuzz target runs as a test of the fuzz preset")
function(app_fuzz name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  set(corpus ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
  add_executable(fuzz_${name})
  target_sources(fuzz_${name} PRIVATE ${A_SOURCES})
  target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(fuzz_${name} PRIVATE ${A_DEPS} app_options)
  if(APP_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    set(found ${CMAKE_BINARY_DIR}/fuzz/${name})
    file(MAKE_DIRECTORY ${found} ${corpus})
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} -max_total_time=${APP_FUZZ_SECONDS} -timeout=10
      -artifact_prefix=${found}- ${found} ${corpus})
    math(EXPR timeout "${APP_FUZZ_SECONDS} * 2 + 60")
  else()
    target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/fuzz_replay.cc)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${corpus})
    app_timeout(timeout 60)
  endif()
  set_tests_properties(fuzz_${name} PROPERTIES LABELS fuzz TIMEOUT ${timeout} ENVIRONMENT "${APP_TEST_ENV}")
endfunction()

# app_pytest(api PATH test/api LABEL api [TIMEOUT 120] [ARGS ...]): one ctest entry that runs pytest on a
# folder. KALAM_SERVER and KALAM_CLI name the binaries, KALAM_SOURCE the root of the source tree.
find_program(APP_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
function(app_pytest name)
  cmake_parse_arguments(A "" "PATH;LABEL;TIMEOUT" "ARGS;ENV" ${ARGN})
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 120)
  endif()
  app_timeout(A_TIMEOUT ${A_TIMEOUT})
  add_test(NAME ${name}
    COMMAND ${APP_PYTHON} -m pytest -q -p no:cacheprovider ${PROJECT_SOURCE_DIR}/${A_PATH} ${A_ARGS}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${A_LABEL} TIMEOUT ${A_TIMEOUT}
    ENVIRONMENT "${APP_TEST_ENV};PYTHONDONTWRITEBYTECODE=1;KALAM_SOURCE=${PROJECT_SOURCE_DIR};KALAM_SERVER=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/kalamdb-server;KALAM_CLI=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/kalam;${A_ENV}")
endfunction()

# Tests that start an S3 server (test/lib/s3_server.py) have FIXTURES_REQUIRED s3_server: its packages are fetched
# before the first of them.
add_test(NAME s3_server_packages COMMAND ${PROJECT_SOURCE_DIR}/dev s3-server WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
set_tests_properties(s3_server_packages PROPERTIES LABELS unit TIMEOUT 300 FIXTURES_SETUP s3_server)
