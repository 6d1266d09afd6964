// Where user exports lie: <data_path>/exports/<user id>/<export id>.zip.
#pragma once

#include <string>
#include <string_view>

#include "config/settings.h"

namespace kalam::jobs {

inline std::string ExportFolder(const config::Settings& settings, std::string_view user_id) {
  return settings.storage.data_path + "/exports/" + std::string(user_id);
}
inline std::string ExportFile(const config::Settings& settings, std::string_view user_id,
                              std::string_view export_id) {
  return ExportFolder(settings, user_id) + "/" + std::string(export_id) + ".zip";
}

}  // namespace kalam::jobs
