#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

// The kernels' own threads. They stay for the life of the process, because starting one takes
// longer than most layers do: after a job a worker spins a few tens of microseconds for the next,
// then sleeps. The calling thread is worker 0. Jobs hand out work by index, so that any number of
// threads gives the same bytes.
namespace dnnaccel::kernels {

inline constexpr unsigned kMaxThreads = 1024;

/// How many threads a job gets that asks for all: what `set_num_threads` said, else OMP_NUM_THREADS
/// if that is a number, else the processors that this process may use.
unsigned num_threads();

/// Throws std::invalid_argument unless `threads` is in 1 ... kMaxThreads.
void set_num_threads(unsigned threads);

/// Start the workers that a job of `threads` threads needs, so that the first job does not have to.
void start_workers(unsigned threads);

namespace pool {
/// Run work(context, 0) on the calling thread, and work(context, worker) on those workers of 1 ...
/// threads - 1 that come before it has ended; return when all have ended. So `work` takes pieces
/// until none are left. If another job has the workers, or the call comes from one, the calling
/// thread does all of it.
void run(unsigned threads, void (*work)(void* context, unsigned worker), void* context);
}  // namespace pool

/// Run work(worker), which takes pieces of a job until none are left, on up to `threads` workers.
/// It must not throw.
template <class Work>
void run_on_workers(unsigned threads, Work& work) {
  static_assert(std::is_nothrow_invocable_v<Work&, unsigned>);
  pool::run(
      threads, [](void* context, unsigned worker) { (*static_cast<Work*>(context))(worker); },
      &work);
}

/// Run work(item) for the items 0 ... items - 1 on up to `threads` workers. Each has a share of its
/// own, of neighbours, from one run to the next the same: what it needs is likely to be in its own
/// cache still. Who is done helps the others. It must not throw.
template <class Work>
void share_out(unsigned threads, std::int64_t items, const Work& work) {
  static_assert(std::is_nothrow_invocable_v<const Work&, std::int64_t>);
  constexpr std::int64_t kMostShares = 16;
  struct alignas(64) Share {  // of a cache line: workers do not wait for one another's counters
    std::atomic<std::int64_t> next;
    std::int64_t end;
  };
  Share shares[kMostShares];
  const std::int64_t count =
      std::clamp(items, std::int64_t{1}, std::min<std::int64_t>(threads, kMostShares));
  for (std::int64_t s = 0; s < count; ++s) {
    shares[s].next.store(items * s / count, std::memory_order_relaxed);
    shares[s].end = items * (s + 1) / count;
  }
  auto take = [&](unsigned worker) noexcept {
    for (std::int64_t s = 0; s < count; ++s) {
      Share& share = shares[(worker + s) % count];
      for (std::int64_t item = share.next.fetch_add(1, std::memory_order_relaxed); item < share.end;
           item = share.next.fetch_add(1, std::memory_order_relaxed))
        work(item);
    }
  };
  run_on_workers(
      static_cast<unsigned>(std::clamp<std::int64_t>(threads, 1, std::max(items, std::int64_t{1}))),
      take);
}

}  // namespace dnnaccel::kernels
