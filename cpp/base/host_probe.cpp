#include "base/host_probe.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/host_probe_kernels.hpp"

namespace dnnaccel::base {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 33;
constexpr unsigned kMaxThreads = 1024;
/// How long one run takes: long against a timer tick, short enough to run between two
/// interruptions.
constexpr double kRunSeconds = 4e-3;
constexpr int kRuns = 6;

struct Variant {
  const ProbeKernels* kernels;
  bool (*supported)();
};

// The fastest first: the first that is supported wins.
constexpr std::array kVariants = {
#ifdef DNNACCEL_X86_VARIANTS
    Variant{&kAvx512Kernels, [] { return __builtin_cpu_supports("avx512f") != 0; }},
    Variant{&kAvx2Kernels,
            [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }},
#endif
    Variant{&kBaselineKernels, [] { return true; }},
};

const ProbeKernels& find_kernels(const std::string& name) {
  for (const Variant& variant : kVariants) {
    if ((name.empty() || name == variant.kernels->name) && variant.supported())
      return *variant.kernels;
  }
  throw std::invalid_argument("host probe: variant '" + name + "' does not run on this machine");
}

/// Memory with every page in place, aligned to a block of the streaming kernels.
class Buffer {
 public:
  explicit Buffer(std::size_t bytes) : data_(::operator new(bytes, std::align_val_t{kProbeBlock})) {
    std::fill_n(static_cast<std::byte*>(data_), bytes, std::byte{1});
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { ::operator delete(data_, std::align_val_t{kProbeBlock}); }
  void* data() const { return data_; }

 private:
  void* data_;
};

// A chain of additions, each of which waits for the one before: one a cycle on every processor of
// the last decades.
std::uint64_t add_chain(std::uint64_t steps) {
  std::uint64_t sum = steps;
  for (std::uint64_t step = 0; step < steps; ++step) {
    sum += step;
    asm volatile("" : "+r"(sum));  // the compiler knows the sum's closed form; not here
  }
  return sum;
}

void use(std::uint64_t value) { asm volatile("" : : "r"(value) : "memory"); }

/// Seconds of this thread's own time, where the system counts that: what else the machine does
/// meanwhile is not in it.
double thread_seconds() {
#ifdef CLOCK_THREAD_CPUTIME_ID
  timespec time{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0)
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
#endif
  return Seconds(Clock::now().time_since_epoch()).count();
}

/// Ends the measurement when the time is up or the caller wants no more.
class Session {
 public:
  Session(double seconds, const std::function<bool()>& poll)
      : deadline_(Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(seconds))),
        poll_(poll) {}

  /// Work per second: the best of several runs of `run(amount)`, which says how long it took. The
  /// amount grows until one run is long enough to be timed.
  template <class Run>
  double best_rate(double amount_at_first, Run run) {
    double amount = amount_at_first;
    double best = 0;
    for (int done = 0; done < kRuns && !stopped_;) {
      const double seconds = std::max(run(static_cast<std::uint64_t>(amount)), 1e-9);
      if (!poll_()) stopped_ = true;
      if (seconds < kRunSeconds / 4) {
        amount *= std::min(kRunSeconds / seconds, 64.0);
        continue;
      }
      best = std::max(best, static_cast<double>(static_cast<std::uint64_t>(amount)) / seconds);
      ++done;
      if (Clock::now() > deadline_) break;
    }
    return best;
  }

  bool stopped() const { return stopped_; }

 private:
  Clock::time_point deadline_;
  const std::function<bool()>& poll_;
  bool stopped_ = false;
};

/// Run work(thread) on `threads` threads at once and return how long it took from the first that
/// began to the last that ended; of one thread, how long itself worked.
double run_together(unsigned threads, const std::function<void(unsigned)>& work) {
  if (threads == 1) {
    const double begin = thread_seconds();
    work(0);
    return thread_seconds() - begin;
  }
  std::vector<std::pair<Clock::time_point, Clock::time_point>> spans(threads);
  std::atomic<unsigned> waiting{threads};
  {
    std::vector<std::jthread> crew;
    for (unsigned thread = 0; thread < threads; ++thread) {
      crew.emplace_back([&, thread] {
        waiting.fetch_sub(1);
        while (waiting.load() != 0) std::this_thread::yield();
        spans[thread].first = Clock::now();
        work(thread);
        spans[thread].second = Clock::now();
      });
    }
  }
  auto begin = spans.front().first;
  auto end = spans.front().second;
  for (const auto& [first, last] : spans) {
    begin = std::min(begin, first);
    end = std::max(end, last);
  }
  return Seconds(end - begin).count();
}

Bandwidth measure_bandwidth(const ProbeKernels& kernels, const WorkingSet& set, Session& session) {
  const std::size_t share =
      std::max(set.bytes / set.threads / kProbeBlock, std::uint64_t{1}) * kProbeBlock;
  std::vector<std::unique_ptr<Buffer>> buffers;
  for (unsigned thread = 0; thread < set.threads; ++thread)
    buffers.push_back(std::make_unique<Buffer>(share));
  const double bytes_per_pass = static_cast<double>(share) * set.threads;
  const auto read = [&](std::uint64_t passes) {
    return run_together(set.threads, [&](unsigned thread) {
      use(kernels.read(buffers[thread]->data(), share, passes));
    });
  };
  const auto write = [&](std::uint64_t passes) {
    return run_together(set.threads, [&](unsigned thread) {
      kernels.write(buffers[thread]->data(), share, passes);
    });
  };
  return {.read = bytes_per_pass * session.best_rate(1, read),
          .write = bytes_per_pass * session.best_rate(1, write)};
}

void check(std::span<const WorkingSet> working_sets) {
  for (const WorkingSet& set : working_sets) {
    if (set.threads < 1 || set.threads > kMaxThreads)
      throw std::invalid_argument("host probe: threads must be from 1 to 1024, not " +
                                  std::to_string(set.threads));
    if (set.bytes > kMaxBytes || set.bytes / set.threads < kProbeBlock)
      throw std::invalid_argument(
          "host probe: a working set must have at least 512 bytes a thread and at most 2^33, not " +
          std::to_string(set.bytes) + " for " + std::to_string(set.threads));
  }
}

}  // namespace

std::vector<std::string> host_variants() {
  std::vector<std::string> names;
  for (const Variant& variant : kVariants) {
    if (variant.supported()) names.emplace_back(variant.kernels->name);
  }
  return names;
}

std::optional<HostFigures> measure_host(const std::string& variant,
                                        const std::vector<WorkingSet>& working_sets, double seconds,
                                        const std::function<bool()>& poll) {
  check(working_sets);
  const ProbeKernels& kernels = find_kernels(variant);
  Session session(seconds, poll);
  HostFigures figures{.variant = kernels.name, .lanes = kernels.lanes};
  figures.macs_per_second = session.best_rate(1e4, [&](std::uint64_t rounds) {
    const double begin = thread_seconds();
    use(static_cast<std::uint64_t>(kernels.multiply(rounds, 0.5F, 1.0F)));
    return thread_seconds() - begin;
  });
  figures.macs_per_second *= kMacChains * kernels.lanes;
  figures.clock_hz = session.best_rate(1e5, [](std::uint64_t steps) {
    const double begin = thread_seconds();
    use(add_chain(steps));
    return thread_seconds() - begin;
  });
  for (const WorkingSet& set : working_sets) {
    if (session.stopped()) break;
    figures.bandwidths.push_back(measure_bandwidth(kernels, set, session));
  }
  if (session.stopped()) return std::nullopt;
  return figures;
}

}  // namespace dnnaccel::base
