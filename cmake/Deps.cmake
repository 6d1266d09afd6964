# Third-party libraries, one section each. Everything here is SYSTEM: their warnings are not ours.
# Every dependency has a line in docs/decisions/ that says why it is here.

# --- fmt: text formatting (Debian libfmt-dev)
find_package(fmt REQUIRED)

# --- spdlog: logging, built against the external fmt (Debian libspdlog-dev)
find_package(spdlog REQUIRED)

# --- toml++: configuration files (Debian libtomlplusplus-dev)
find_package(tomlplusplus REQUIRED)

# --- prometheus-cpp: metrics registry and text format (Debian prometheus-cpp-dev)
find_package(prometheus-cpp CONFIG REQUIRED)

# --- simdjson: JSON on the hot path (Debian libsimdjson-dev)
find_package(simdjson REQUIRED)

# --- Boost 1.81: Beast, Asio (headers), JSON, URL (Debian libboost1.81-dev and friends)
set(Boost_NO_WARN_NEW_VERSIONS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)

# --- RocksDB: hot tier (Debian librocksdb-dev)
find_package(RocksDB CONFIG REQUIRED)

# --- OpenSSL: random bytes, hashes, TLS (Debian libssl-dev)
find_package(OpenSSL REQUIRED)

# --- libcrypt: password hashes (Debian libcrypt-dev)
find_path(CRYPT_INCLUDE_DIR crypt.h REQUIRED)
find_library(CRYPT_LIBRARY crypt REQUIRED)
if(NOT TARGET crypt::crypt)
  add_library(crypt::crypt UNKNOWN IMPORTED)
  set_target_properties(crypt::crypt PROPERTIES
    IMPORTED_LOCATION ${CRYPT_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${CRYPT_INCLUDE_DIR})
endif()

# --- cpp-jwt and nlohmann/json: tokens (Debian libcpp-jwt-dev, nlohmann-json3-dev)
find_package(nlohmann_json REQUIRED)
find_package(cpp-jwt REQUIRED)

# --- CLI11: command lines (Debian libcli11-dev)
find_package(CLI11 REQUIRED)

# --- zlib: compressed replies (Debian zlib1g-dev)
find_package(ZLIB REQUIRED)

# --- libdeflate: compressed live messages (Debian libdeflate-dev)
find_path(DEFLATE_INCLUDE_DIR libdeflate.h REQUIRED)
find_library(DEFLATE_LIBRARY deflate REQUIRED)
if(NOT TARGET libdeflate::libdeflate)
  add_library(libdeflate::libdeflate UNKNOWN IMPORTED)
  set_target_properties(libdeflate::libdeflate PROPERTIES
    IMPORTED_LOCATION ${DEFLATE_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${DEFLATE_INCLUDE_DIR})
endif()

# --- libcurl: object storage and client requests (Debian libcurl4-openssl-dev)
find_package(CURL REQUIRED)

# --- GoogleTest and GoogleMock (Debian libgtest-dev, libgmock-dev)
find_package(GTest CONFIG REQUIRED)

# --- Google Benchmark (Debian libbenchmark-dev)
find_package(benchmark CONFIG REQUIRED)

# --- DuckDB: SQL engine. Shared library and headers of one version, both registry packages
# (third_party/npm, fetched by `./dev deps`). The package unpacks to a plain C++ source tree.
set(app_npm ${PROJECT_SOURCE_DIR}/third_party/npm/node_modules)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(app_duckdb_package ${app_npm}/@duckdb/node-bindings-linux-arm64)
else()
  set(app_duckdb_package ${app_npm}/@duckdb/node-bindings-linux-x64)
endif()
set(APP_DUCKDB_LIBRARY ${app_duckdb_package}/libduckdb.so)
set(app_duckdb_headers ${app_npm}/duckdb/src/duckdb/src/include)
set(APP_YYJSON_HEADERS ${app_npm}/duckdb/src/duckdb/third_party/yyjson/include)
if(NOT EXISTS ${APP_DUCKDB_LIBRARY} OR NOT EXISTS ${app_duckdb_headers}/duckdb.hpp)
  message(FATAL_ERROR "DuckDB is missing below third_party/npm: run ./dev deps")
endif()
# The library is copied beside the binaries, which find it through $ORIGIN: the bin folder can be moved.
set(app_duckdb_copy ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/libduckdb.so)
file(MAKE_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_custom_command(OUTPUT ${app_duckdb_copy}
  COMMAND ${CMAKE_COMMAND} -E copy ${APP_DUCKDB_LIBRARY} ${app_duckdb_copy}
  DEPENDS ${APP_DUCKDB_LIBRARY}
  COMMENT "Copying libduckdb.so beside the binaries")
add_custom_target(app_duckdb_so ALL DEPENDS ${app_duckdb_copy})
add_library(app_duckdb SHARED IMPORTED GLOBAL)
add_library(duckdb::duckdb ALIAS app_duckdb)
set_target_properties(app_duckdb PROPERTIES
  IMPORTED_LOCATION ${APP_DUCKDB_LIBRARY}
  IMPORTED_SONAME libduckdb.so
  INTERFACE_INCLUDE_DIRECTORIES ${app_duckdb_headers})
add_dependencies(app_duckdb app_duckdb_so)

# Binaries carry $ORIGIN only, in the build tree too: no path of the build machine.
set(CMAKE_SKIP_BUILD_RPATH OFF)
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
set(CMAKE_INSTALL_RPATH "$ORIGIN")
