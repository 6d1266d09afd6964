#include "sql/parse/lexer.h"

#include <gtest/gtest.h>
