#pragma once

#include <cstddef>
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

}  // namespace dnnaccel::kernels
