#pragma once

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What happened when, as a file that Perfetto and Chrome open.
namespace dnnaccel::sim {

/// A number beside a span.
struct TraceArg {
  std::string_view name;
  double value = 0;
};

struct TraceOptions {
  double clock_mhz = 0;                    ///< 0: a cycle is shown as a microsecond
  std::uint64_t max_bytes = 256ULL << 20;  ///< of the file
  /// What it is a trace of, by name; stands at the end of the file.
  std::vector<std::pair<std::string, std::string>> about;
};

struct TraceCounts {
  std::uint64_t bytes = 0;
  std::uint64_t tracks = 0;
  std::uint64_t spans = 0;
  std::uint64_t counters = 0;
  std::uint64_t dropped = 0;  ///< spans and counters that found no room
  double last_cycle = 0;      ///< that any span or counter in the file reaches
};

/// Writes Chrome's trace-event format (JSON) as things happen: nothing is kept in memory but the
/// tracks. A file that would grow over its cap stops there, says so, and is still a whole file.
/// Times are given in cycles, and written in microseconds with a resolution of a picosecond.
class TraceWriter {
 public:
  /// Throws std::invalid_argument if nothing would fit into so few bytes, std::runtime_error if the
  /// file cannot be written.
  TraceWriter(const std::string& path, const TraceOptions& options);
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;

  /// A new line of the picture, below the others of its group. Spans of one track must not overlap
  /// unless one is inside the other.
  int track(std::string_view name, std::string_view group);
  /// Something that took from `begin` to `end` >= `begin`.
  void span(int track, std::string_view name, double begin, double end,
            std::initializer_list<TraceArg> args = {});
  /// What a quantity is from a cycle on.
  void counter(int track, std::string_view name, double cycle, double value);
  /// End the file. Nothing may be written after this.
  TraceCounts finish();

  [[nodiscard]] bool cut() const { return counts_.dropped > 0; }

 private:
  struct Track {
    std::size_t group = 0;
    std::size_t number = 0;  ///< among all tracks, from 1 on
  };
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  [[nodiscard]] std::int64_t picoseconds(double cycle) const;
  void begin_event(char phase, std::string_view name, const Track& track);
  bool commit(bool metadata);
  void require_open() const;
  void put(std::string_view text);
  [[nodiscard]] std::string footer() const;

  std::unique_ptr<std::FILE, Closer> file_;
  TraceOptions options_;
  std::uint64_t room_ = 0;  ///< bytes that events may take
  std::vector<std::string> groups_;
  std::vector<Track> tracks_;
  std::string event_;
  TraceCounts counts_;
  bool first_ = true;
};

/// Spans that may overlap: each is drawn on the first of several tracks that has room for it.
class TraceLines {
 public:
  TraceLines(TraceWriter& writer, std::string name, std::string group)
      : writer_(writer), name_(std::move(name)), group_(std::move(group)) {}

  void span(std::string_view name, double begin, double end, std::initializer_list<TraceArg> args);

 private:
  struct Line {
    int track = 0;
    double end = 0;
  };

  TraceWriter& writer_;
  std::string name_;
  std::string group_;
  std::vector<Line> lines_;
};

}  // namespace dnnaccel::sim
