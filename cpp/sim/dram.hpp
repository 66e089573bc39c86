#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/dram_channel.hpp"
#include "sim/dram_spec.hpp"

/// DRAM timing, command by command. `simulate` runs a stream of requests; `Memory` is the same
/// memory for another simulator to ask, one transfer at a time.
namespace dnnaccel::sim::dram {

/// Bytes that lie together. They are moved in whole bursts.
struct Span {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
};

struct Request {
  Span span;
  bool write = false;
  std::uint64_t arrival = 0;  ///< never before the one of the request before it
};

/// What a run did.
struct Stats {
  std::uint64_t requests = 0;
  std::uint64_t bytes_read = 0;  ///< asked for
  std::uint64_t bytes_written = 0;
  std::uint64_t first_arrival = 0;
  std::uint64_t cycles = 0;  ///< when the last data had moved
  Service service;
  Counts counts;
  EnergyByKind energy;
};

/// All channels behind one port that takes requests in order: one that finds the window of its
/// channel full waits there, and those behind it wait too.
class Memory {
 public:
  explicit Memory(const Spec& spec, const Policy& policy = {}, const Sinks& sinks = {});

  /// Take a request. Throws std::invalid_argument if it lies outside the memory or comes before
  /// the one before it.
  void push(const Request& request);

  /// Move the bytes of `spans`, asked for at `start_cycle` in this order, and return the cycle of
  /// this memory's clock at which the last byte has moved (`start_cycle` if there is none).
  /// Open rows, and all that the gates remember, stay for the next call; a call that starts before
  /// the one before it has ended waits for it.
  std::uint64_t transfer(std::uint64_t start_cycle, const std::vector<Span>& spans, bool write);

  /// Serve all that waits, and say what was done since the start.
  Stats finish();

 private:
  void drain();

  Spec spec_;
  AddressMap map_;
  std::vector<Channel> channels_;
  std::vector<bool> touched_;  ///< channels that the transfer under way has bursts in
  std::uint64_t front_ = 0;    ///< when the last burst got into its window
  Stats stats_;
};

/// Fills in the next request, or returns false at the end.
using Source = std::function<bool(Request&)>;

/// Run a stream of requests. `poll(done)` is called now and then with the requests taken so far;
/// when it returns false, the stream ends there and what it took is served. Memory is bounded by
/// the windows, whatever the length of the stream.
Stats simulate(const Spec& spec, const Policy& policy, const Source& source,
               const std::function<bool(std::uint64_t)>& poll, const Sinks& sinks = {});

/// Requests made by rule, for streams of any length.
struct Pattern {
  enum class Order : std::uint8_t {
    strided,  ///< each request `stride` bytes after the one before; streaming if that is its size
    random    ///< each at a random multiple of its size
  };
  Order order = Order::strided;
  std::uint64_t requests = 0;
  std::uint64_t bytes = 64;
  std::uint64_t stride = 64;
  std::uint64_t start = 0;
  std::uint64_t range = 0;            ///< bytes over which addresses go round, from `start`
  std::uint32_t writes_per_1024 = 0;  ///< spread evenly
  std::uint64_t interval = 0;         ///< cycles from arrival to arrival
  std::uint64_t seed = 0;
};

/// The requests of a pattern, in order. Throws std::invalid_argument if a request does not fit in
/// the range.
Source source_of(const Pattern& pattern);

}  // namespace dnnaccel::sim::dram
