#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

// How fast this machine's processor is: clock, multiply-accumulates, and bandwidth by working set.
namespace dnnaccel::base {

/// A working set to stream through: `bytes` in all, shared out among `threads` threads.
struct WorkingSet {
  std::uint64_t bytes = 0;
  unsigned threads = 1;
};

/// Bytes per second, all threads together.
struct Bandwidth {
  double read = 0;
  double write = 0;
};

struct HostFigures {
  std::string variant;  // of the kernels that were run, such as "avx2"
  unsigned lanes = 0;   // fp32 values in one of its vectors
  double clock_hz = 0;
  double macs_per_second = 0;         // fp32, one thread
  std::vector<Bandwidth> bandwidths;  // one for each working set
};

/// Names of the kernel variants of this build that the processor can run, the fastest first.
std::vector<std::string> host_variants();

/// Measure this machine with a variant of the kernels ("" for the fastest that it can run): of each
/// figure the best of several runs, as many as `seconds` allow, at least one. `poll` is called on
/// the calling thread between runs; if it returns false, the call ends and returns nothing. Throws
/// std::invalid_argument for a variant that does not run here, more than 2^33 bytes, fewer
/// than 512 a thread, or a number of threads outside 1 ... 1024.
std::optional<HostFigures> measure_host(const std::string& variant,
                                        const std::vector<WorkingSet>& working_sets, double seconds,
                                        const std::function<bool()>& poll);

}  // namespace dnnaccel::base
