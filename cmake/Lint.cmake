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
