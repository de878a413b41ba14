#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gpusched/extender/api_access.hpp"

namespace gpusched::extender {

/// Takes what a watch reports, on the watch's own thread. JSON is followed by wire_padding readable bytes. An object is
/// its uid: a name may come back with another one, in any call.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  /// A full list begins: what it does not name is gone when it ends.
  virtual void list_begins() = 0;
  virtual void list_object(std::string_view json) = 0;
  virtual void list_ends() = 0;
  /// The list broke off: what it named is true, what it did not name is not known.
  virtual void list_fails() = 0;
  /// `type` is ADDED, MODIFIED or DELETED.
  virtual void object(std::string_view type, std::string_view json) = 0;
  /// Something went wrong and will be tried again. Holds no secret.
  virtual void trouble(const std::string& message) = 0;
};

struct WatchOptions {
  std::string path;            ///< "/api/v1/nodes"
  std::string field_selector;  ///< not escaped; empty = all
  int page_limit = 500;
  std::size_t max_line_bytes = std::size_t{64} << 20;
  // client-go's numbers. Jitter doubles a wait at most.
  double backoff_s = 0.8, backoff_cap_s = 30, backoff_factor = 2, backoff_reset_s = 120;
  double server_error_s = 60;  ///< a watch that ends in errors of the server for so long is given up for a new list
  int min_watch_s = 300, max_watch_s = 600;
};

struct WatchStatus {
  bool synced = false;         ///< a full list was read
  std::int64_t age_ms = 0;     ///< since the API server last said anything
  std::int64_t relists = 0;    ///< full lists read
  std::int64_t rewatches = 0;  ///< watches that ended
  std::int64_t events = 0;     ///< objects that watches reported; bookmarks are none
  std::int64_t troubles = 0;
};

/// List and watch of one kind of object, for as long as it lives: paged list, then a watch from its version on, which
/// is taken up again where it ends, and a new list where the server has forgotten that version. No list is taken that
/// is older than what was seen, but where the server itself went back. Own thread, own connection.
class ObjectWatch {
 public:
  ObjectWatch(ApiAccess access, WatchOptions options, WatchSink& sink);
  ~ObjectWatch();
  void start();  ///< once
  void stop();   ///< at once, also amid a list; no call of the sink comes after it
  WatchStatus status() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace gpusched::extender
