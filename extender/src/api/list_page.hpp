#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"

namespace gpusched::extender {

/// The metadata of one page of a list.
struct ListPage {
  std::string resource_version;
  std::string next;  ///< the continue token; empty = the last page
};

/// Hands each item of a list to `take` as JSON, followed by wire_padding readable bytes. data_loss: no list.
Status read_list_page(std::string body, ListPage& page, const std::function<void(std::string_view)>& take);

/// One line of a watch.
struct WatchLine {
  std::string type;
  std::string_view object;       ///< JSON within the line
  std::string resource_version;  ///< of the object; empty where it has none
};

/// Contract: wire_padding readable bytes follow the line. data_loss: no watch event.
Result<WatchLine> read_watch_line(std::string_view line);

/// Whether version `a` is older than `b`. Versions are opaque by contract: what is no number compares as not older.
bool is_older_version(std::string_view a, std::string_view b);

}  // namespace gpusched::extender
