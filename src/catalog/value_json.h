// Constants of column definitions as JSON, without loss: every value comes back with the same bits.
#pragma once

#include <boost/json/value.hpp>

#include "base/error.h"
#include "model/value.h"

namespace kalam::catalog {

boost::json::value EncodeValue(const Value& value);
Result<OwnedValue> DecodeValue(const boost::json::value& json);

}  // namespace kalam::catalog
