#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "kernels/pool.hpp"

// How a job of many equal pieces is handed out to the workers.
namespace dnnaccel::kernels {

/// A job of `units`, as rows or values, handed out `piece` units at a time.
struct Split {
  unsigned threads = 1;
  std::int64_t units = 0;
  std::int64_t piece = 1;
};

/// `units` that take about so many nanoseconds each. A thread is worth waking for some ten
/// microseconds; several pieces for each let the faster one take more. Pieces are multiples of
/// `multiple`.
inline Split split_work(std::int64_t units, double unit_nanoseconds, unsigned threads,
                        std::int64_t multiple = 1) {
  constexpr double kLeastNanoseconds = 12e3;
  constexpr std::int64_t kPiecesPerThread = 4;
  const double worth = std::min(static_cast<double>(units) * unit_nanoseconds / kLeastNanoseconds,
                                static_cast<double>(threads));
  Split split{.threads = std::max(1U, static_cast<unsigned>(worth)),
              .units = units,
              .piece = std::max<std::int64_t>(units, 1)};
  if (split.threads == 1) return split;
  const std::int64_t pieces = split.threads * kPiecesPerThread;
  split.piece = (units + pieces - 1) / pieces;
  split.piece = (split.piece + multiple - 1) / multiple * multiple;
  return split;
}

/// Run work(worker, first, end) for pieces of the job until all is done. It must not throw, and
/// what it computes must not depend on how the job is cut.
template <class Work>
void run_split(const Split& split, const Work& work) noexcept {
  if (split.threads == 1) {
    if (split.units > 0) work(0U, std::int64_t{0}, split.units);
    return;
  }
  std::atomic<std::int64_t> next{0};
  auto take = [&](unsigned worker) noexcept {
    while (true) {
      const std::int64_t first = next.fetch_add(split.piece, std::memory_order_relaxed);
      if (first >= split.units) return;
      work(worker, first, std::min(first + split.piece, split.units));
    }
  };
  run_on_workers(split.threads, take);
}

}  // namespace dnnaccel::kernels
