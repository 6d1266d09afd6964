#include "wire/time_text.h"

#include <algorithm>
#include <chrono>

namespace kalam::wire {
namespace {

constexpr int64_t kYear0Seconds = -62'167'219'200;
constexpr int64_t kYear9999Seconds = 253'402'300'799;

void AppendDigits(uint64_t number, int width, std::string& out) {
  char text[20];
  for (int i = width; i-- > 0; number /= 10) text[i] = static_cast<char>('0' + number % 10);
  out.append(text, static_cast<size_t>(width));
}

struct Civil {
  std::chrono::year_month_day date;
  uint64_t weekday = 0;  // 0 = Sunday
  uint64_t second_of_day = 0;
};

Civil ToCivil(int64_t seconds) {
  const auto point =
      std::chrono::sys_seconds(std::chrono::seconds(std::clamp(seconds, kYear0Seconds, kYear9999Seconds)));
  const auto day = std::chrono::floor<std::chrono::days>(point);
  return {std::chrono::year_month_day(day), std::chrono::weekday(day).c_encoding(),
          static_cast<uint64_t>((point - day).count())};
}

void AppendClock(uint64_t second_of_day, std::string& out) {
  AppendDigits(second_of_day / 3600, 2, out);
  out.push_back(':');
  AppendDigits(second_of_day / 60 % 60, 2, out);
  out.push_back(':');
  AppendDigits(second_of_day % 60, 2, out);
}

uint64_t Year(const Civil& civil) { return static_cast<uint64_t>(static_cast<int>(civil.date.year())); }

}  // namespace

void AppendRfc3339(int64_t micros, int digits, const char* zone, std::string& out) {
  int64_t seconds = micros / 1'000'000;
  int64_t fraction = micros % 1'000'000;
  if (fraction < 0) {
    fraction += 1'000'000;
    --seconds;
  }
  const Civil civil = ToCivil(seconds);
  AppendDigits(Year(civil), 4, out);
  out.push_back('-');
  AppendDigits(static_cast<unsigned>(civil.date.month()), 2, out);
  out.push_back('-');
  AppendDigits(static_cast<unsigned>(civil.date.day()), 2, out);
  out.push_back('T');
  AppendClock(civil.second_of_day, out);
  out.push_back('.');
  AppendDigits(static_cast<uint64_t>(digits == 3 ? fraction / 1000 : fraction), digits == 3 ? 3 : 6, out);
  out += zone;
}

std::string HttpDate(int64_t seconds) {
  static constexpr char kDays[] = "SunMonTueWedThuFriSat";
  static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const Civil civil = ToCivil(seconds);
  std::string out;
  out.reserve(29);
  out.append(kDays + civil.weekday * 3, 3);
  out += ", ";
  AppendDigits(static_cast<unsigned>(civil.date.day()), 2, out);
  out.push_back(' ');
  out.append(kMonths + (static_cast<unsigned>(civil.date.month()) - 1) * 3, 3);
  out.push_back(' ');
  AppendDigits(Year(civil), 4, out);
  out.push_back(' ');
  AppendClock(civil.second_of_day, out);
  out += " GMT";
  return out;
}

}  // namespace kalam::wire
