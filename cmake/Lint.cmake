# Checks on the sources, ctest label "lint". Each prints file:line and what to change.
function(app_lint name)
  add_test(NAME lint_${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(lint_${name} PROPERTIES LABELS lint TIMEOUT 60)
endfunction()

app_lint(layers ${APP_PYTHON} tools/check_layers.py)
app_lint(tidy ${APP_PYTHON} tools/check_tidy.py)
app_lint(acceptance ${APP_PYTHON} tools/check_acceptance.py)
app_lint(documents ${APP_PYTHON} tools/make_documents.py --check)
app_lint(format bash tools/check_format.sh)
set_tests_properties(lint_format PROPERTIES SKIP_RETURN_CODE 77)
# Minutes when nothing is remembered, seconds later; not part of ./dev test --quick. It uses every core by itself.
# The sources are the same under sanitizers.
if(NOT APP_SANITIZE)
  app_lint(clang_tidy ${APP_PYTHON} tools/clang_tidy.py ${CMAKE_BINARY_DIR} --ci)
  cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
  set_tests_properties(lint_clang_tidy PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 3600 PROCESSORS ${cores})
endif()
