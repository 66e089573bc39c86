#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

namespace dnnaccel::base {

/// Run task(0) ... task(count - 1) on worker threads, and meanwhile call `poll(done)` on the
/// calling thread, whenever a task ends and at least twenty times a second. Tasks are taken in
/// order; each writes its result by its index, so any number of threads gives the same answer. If
/// `poll` returns false, no further task starts, `stop` is set for running ones to see, and the
/// call returns false once they have ended. The first exception of a task is rethrown here.
bool run_tasks(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& task,
               const std::function<bool(std::size_t)>& poll, std::atomic<bool>& stop);

/// Number of threads to use when none is asked for.
unsigned default_threads();

}  // namespace dnnaccel::base
