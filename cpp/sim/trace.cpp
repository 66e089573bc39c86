#include "sim/trace.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>

namespace dnnaccel::sim {

namespace {

constexpr std::string_view kHeader = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [";
/// Room for the last events, which say that the file was cut, and for the numbers of the footer.
constexpr std::uint64_t kForTheEnd = 1024;
constexpr std::uint64_t kForAnEvent = 512;

/// As a JSON string; bytes of UTF-8 are left as they are.
void quote(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void append(std::string& out, std::int64_t value) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), end.ptr);
}

/// The shortest text that reads back as the number. JSON has no infinity: what is none is 0.
void append(std::string& out, double value) {
  std::array<char, 40> text{};
  if (!std::isfinite(value)) value = 0;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), end.ptr);
}

/// Picoseconds as microseconds, all six digits behind the point where there are any.
void append_microseconds(std::string& out, std::int64_t picoseconds) {
  append(out, picoseconds / 1'000'000);
  const std::int64_t rest = picoseconds % 1'000'000;
  if (rest == 0) return;
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), 1'000'000 + rest);
  out += '.';
  out.append(digits.data() + 1, end.ptr);
}

}  // namespace

TraceWriter::TraceWriter(const std::string& path, const TraceOptions& options) : options_(options) {
  const std::uint64_t end = footer().size() + kForTheEnd;
  if (options.max_bytes < kHeader.size() + end + kForAnEvent) {
    throw std::invalid_argument("a trace of at most " + std::to_string(options.max_bytes) +
                                " bytes has no room for events; give it at least " +
                                std::to_string(kHeader.size() + end + kForAnEvent));
  }
  room_ = options.max_bytes - end;
  file_.reset(std::fopen(path.c_str(), "wb"));
  if (file_ == nullptr) throw std::runtime_error("cannot be opened");
  put(kHeader);
}

void TraceWriter::put(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) {
    throw std::runtime_error("cannot be written to; is the disk full?");
  }
  counts_.bytes += text.size();
}

std::int64_t TraceWriter::picoseconds(double cycle) const {
  // Beyond this, which is 100 days, all is the end.
  constexpr double kEnd = 9e18;
  const double each = options_.clock_mhz > 0 ? 1e6 / options_.clock_mhz : 1e6;
  return static_cast<std::int64_t>(std::llround(std::clamp(cycle * each, 0.0, kEnd)));
}

/// The fields that all events have; the caller adds its own and commits it.
void TraceWriter::begin_event(char phase, std::string_view name, const Track& track) {
  event_.clear();
  event_ += "\n{\"ph\": \"";
  event_ += phase;
  event_ += "\", \"name\": ";
  quote(event_, name);
  event_ += ", \"pid\": ";
  append(event_, static_cast<std::int64_t>(track.group + 1));
  event_ += ", \"tid\": ";
  append(event_, static_cast<std::int64_t>(track.number));
}

void TraceWriter::require_open() const {
  if (file_ == nullptr) throw std::invalid_argument("the trace is finished; nothing can follow");
}

/// Write the event if there is room; whether it was.
bool TraceWriter::commit(bool metadata) {
  require_open();
  const std::uint64_t size = event_.size() + (first_ ? 0 : 1);
  // Once something is missing, nothing later is written: a trace has no holes.
  if (counts_.dropped > 0 || counts_.bytes + size > room_) {
    if (!metadata) ++counts_.dropped;
    return false;
  }
  if (!first_) put(",");
  first_ = false;
  put(event_);
  return true;
}

int TraceWriter::track(std::string_view name, std::string_view group) {
  const auto found = std::find(groups_.begin(), groups_.end(), group);
  Track track{.group = static_cast<std::size_t>(found - groups_.begin()),
              .number = tracks_.size() + 1};
  if (found == groups_.end()) {
    groups_.emplace_back(group);
    begin_event('M', "process_name", track);
    event_ += ", \"args\": {\"name\": ";
    quote(event_, group);
    event_ += "}}";
    commit(true);
    begin_event('M', "process_sort_index", track);
    event_ += ", \"args\": {\"sort_index\": ";
    append(event_, static_cast<std::int64_t>(track.group));
    event_ += "}}";
    commit(true);
  }
  begin_event('M', "thread_name", track);
  event_ += ", \"args\": {\"name\": ";
  quote(event_, name);
  event_ += "}}";
  commit(true);
  tracks_.push_back(track);
  ++counts_.tracks;
  return static_cast<int>(tracks_.size()) - 1;
}

void TraceWriter::span(int track, std::string_view name, double begin, double end,
                       std::initializer_list<TraceArg> args) {
  const std::int64_t from = picoseconds(begin);
  begin_event('X', name, tracks_.at(static_cast<std::size_t>(track)));
  event_ += ", \"ts\": ";
  append_microseconds(event_, from);
  event_ += ", \"dur\": ";
  append_microseconds(event_, std::max<std::int64_t>(picoseconds(end) - from, 0));
  const char* between = ", \"args\": {";
  for (const TraceArg& arg : args) {
    event_ += between;
    quote(event_, arg.name);
    event_ += ": ";
    append(event_, arg.value);
    between = ", ";
  }
  event_ += args.size() > 0 ? "}}" : "}";
  if (!commit(false)) return;
  ++counts_.spans;
  counts_.last_cycle = std::max(counts_.last_cycle, end);
}

void TraceWriter::counter(int track, std::string_view name, double cycle, double value) {
  begin_event('C', name, tracks_.at(static_cast<std::size_t>(track)));
  event_ += ", \"ts\": ";
  append_microseconds(event_, picoseconds(cycle));
  event_ += ", \"args\": {\"value\": ";
  append(event_, value);
  event_ += "}}";
  if (!commit(false)) return;
  ++counts_.counters;
  counts_.last_cycle = std::max(counts_.last_cycle, cycle);
}

std::string TraceWriter::footer() const {
  std::string out = "\n], \"otherData\": {";
  for (const auto& [name, text] : options_.about) {
    quote(out, name);
    out += ": ";
    quote(out, text);
    out += ", ";
  }
  out += "\"time\": ";
  if (options_.clock_mhz > 0) {
    out += "\"microseconds\", \"clock_mhz\": ";
    append(out, options_.clock_mhz);
  } else {
    out += "\"cycles: the chip states no clock, so a cycle is written as a microsecond\"";
  }
  out += ", \"truncated\": ";
  out += counts_.dropped > 0 ? "true" : "false";
  out += ", \"dropped_events\": ";
  append(out, static_cast<std::int64_t>(counts_.dropped));
  out += "}}\n";
  return out;
}

void TraceLines::span(std::string_view name, double begin, double end,
                      std::initializer_list<TraceArg> args) {
  // More than this at one time is no picture any more.
  constexpr std::size_t kMostLines = 16;
  auto line =
      std::find_if(lines_.begin(), lines_.end(), [&](const Line& one) { return one.end <= begin; });
  if (line == lines_.end()) {
    if (lines_.size() == kMostLines) {
      line = lines_.end() - 1;
    } else {
      std::string name_here = name_;
      if (!lines_.empty()) name_here.append(" ").append(std::to_string(lines_.size() + 1));
      line = lines_.insert(line, {.track = writer_.track(name_here, group_)});
    }
  }
  line->end = end;
  writer_.span(line->track, name, begin, end, args);
}

TraceCounts TraceWriter::finish() {
  require_open();
  if (counts_.dropped > 0) {
    event_.clear();
    if (!first_) event_ += ',';
    event_ +=
        "\n{\"ph\": \"i\", \"s\": \"g\", \"name\": \"the trace was cut here\", \"pid\": 1, "
        "\"tid\": 1, \"ts\": ";
    append_microseconds(event_, picoseconds(counts_.last_cycle));
    event_ +=
        "},\n{\"ph\": \"M\", \"name\": \"truncated\", \"pid\": 1, \"tid\": 1, \"args\": "
        "{\"max_bytes\": ";
    append(event_, static_cast<std::int64_t>(options_.max_bytes));
    event_ += ", \"dropped_events\": ";
    append(event_, static_cast<std::int64_t>(counts_.dropped));
    event_ += "}}";
    put(event_);
  }
  put(footer());
  if (std::fflush(file_.get()) != 0) {
    throw std::runtime_error("cannot be written to; is the disk full?");
  }
  file_.reset();
  return counts_;
}

}  // namespace dnnaccel::sim
